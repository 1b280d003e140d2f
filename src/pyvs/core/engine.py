"""The virtual server: packets and time in, verdicts and commands out.

    engine = Engine(environment)
    engine.control.new_service(ServiceSpec(...), now)
    verdict = engine.receive(packet, Hook.LOCAL_IN, now)
    for command in engine.drain(): ...
    wake_at = engine.next_timeout(); engine.handle_timeouts(now)

No socket, clock, thread or chance of its own: several engines in one process share nothing.
"""
