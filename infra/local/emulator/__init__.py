"""The emulated AWS as a process that may be killed: ministack, with a journal of what it has acknowledged.

ministack keeps its state in memory and writes it when it is ended well. Here it runs inside an ASGI application that
writes down every acknowledged change which somebody relies on (`journal`), and saves the whole state now and then
(`snapshots`), so that a start after `kill -9` continues from the last snapshot and the journal since then.
What is sent by SES and SNS to people is also kept as files (`letters`), which the mailbox shows.
"""
