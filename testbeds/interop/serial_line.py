"""A serial line between two pseudo-terminals: says the names of its ends, then carries octets both ways until it is killed."""

import os
import pty
import select
import tty


def main() -> None:
    ends = [pty.openpty() for _ in range(2)]
    for master, slave in ends:
        tty.setraw(master)
        tty.setraw(slave)
    print(*(os.ttyname(slave) for _, slave in ends), flush=True)
    masters = [master for master, _ in ends]
    while True:
        for ready in select.select(masters, [], [])[0]:
            octets = os.read(ready, 4096)
            os.write(masters[1 - masters.index(ready)], octets)


main()
