//! What is not a plain TCP connection: datagrams, serial lines, dual end points, and who wins where one peer connects twice.

mod dual;
mod serial;
mod udp;
