"""What all tests share."""

import signal

# Started in the background, a shell's commands are deaf to interrupts, and so would be all that
# the tests start, some of it to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
