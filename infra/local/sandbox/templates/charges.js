// Buttons act on a charge and show the page anew; the page also looks again every few seconds.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  if (button.dataset.action === "copy") {
    await navigator.clipboard.writeText(button.dataset.code);
    button.textContent = "Copied";
    return;
  }
  button.disabled = true;
  const answer = await fetch(`/charges/${button.dataset.reference}/${button.dataset.action}`, { method: "POST" });
  if (!answer.ok) {
    document.querySelector("#message").textContent = (await answer.json()).detail;
    button.disabled = false;
    return;
  }
  location.reload();
});
setInterval(async () => {
  const fresh = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const current = document.querySelector("main");
  const next = fresh.querySelector("main");
  if (next && next.innerHTML !== current.innerHTML) current.replaceWith(next);
}, 3000);
