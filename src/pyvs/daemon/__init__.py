"""The process around an engine that has a kernel: `pyvs run`.

director.py       puts it together: queues, engine, chains, sockets
loop.py           the event loop: who has something to read is called, timers run
live.py           packets from the queues through the engine and out
environment.py    what the engine may ask, answered from the kernel
control.py, chain_updates.py   changes of rules, told to the log and to the chains
checks.py         what newcomers get wrong, said in the first lines of the log
log.py            one readable line an event
"""
