"""What both yadnp3 peers need of their library."""

import opendnp3 as dnp3


def milliseconds(count):
    return dnp3.TimeDuration.Milliseconds(count)


def tls(options):
    """Both sides proven: the other's certificate is held against `--roots`."""
    return dnp3.TLSConfig(options.roots, options.cert, options.key)


class Listener(dnp3.IChannelListener):
    """Tells of a channel's connection as it comes and goes."""

    def __init__(self, tell):
        super().__init__()
        self.tell, self.is_open = tell, False

    def OnStateChange(self, state):
        is_open = state == dnp3.ChannelState.OPEN
        if is_open != self.is_open:
            self.is_open = is_open
            self.tell(is_open)
