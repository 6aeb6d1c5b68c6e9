//! Everything async: sockets, tasks, the clock.
