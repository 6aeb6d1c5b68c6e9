//! A serial line as a channel: opened again and again until it is there, and whatever ends it leaves nothing in its buffer.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::{Mono, Now};
use serial2::{CharSize, FlowControl, SerialPort, Settings};
use tokio::io::unix::AsyncFd;

use super::backoff::Retry;
use super::clock::random;
use super::endpoint::{DataBits, Parity, Serial, StopBits};
use super::side::Arrived;
use super::wire::{Far, Got, Wire};

/// What a port's own small buffers and the conversion to USB may add to the time on the wire.
const TAIL: Duration = Duration::from_millis(20);

/// An open device.
pub(crate) struct Port {
    port: SerialPort,
    /// The same device. It is locked as long as this is open: nobody else of good will writes to it.
    io: AsyncFd<File>,
    /// What one octet takes on the wire.
    octet: Duration,
    /// Everything written has left by then, unless the other end holds it back.
    busy_until: Mono,
}

impl Port {
    fn open(line: &Serial) -> io::Result<Self> {
        let port = SerialPort::open(&line.path, |settings| set(settings, line))?;
        let io = File::from(port.as_fd().try_clone_to_owned()?);
        match io.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another program has it open")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // What came, or was to leave, before we were here is nothing of ours.
        port.discard_buffers()?;
        let octet = Duration::from_secs(1) * line.bits() / line.baud.max(1);
        Ok(Self { port, io: watched(io)?, octet, busy_until: Mono(0) })
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        loop {
            let mut ready = ready!(self.io.poll_read_ready(cx))?;
            match ready.try_io(|io| io.get_ref().read(buffer)) {
                Ok(Ok(0)) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the device is gone"))),
                Ok(count) => return Poll::Ready(count.map(Got::Octets)),
                // Not ready after all: the guard has noted it.
                Err(_) => {}
            }
        }
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8], now: Mono) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.io.poll_write_ready(cx))?;
            if let Ok(written) = ready.try_io(|io| io.get_ref().write(bytes)) {
                let written = written?;
                self.busy_until = self.busy_until.max(now) + self.octet * u32::try_from(written).unwrap_or(u32::MAX);
                return Poll::Ready(Ok(written));
            }
        }
    }

    /// When everything written has left, by the line's speed.
    pub(crate) fn drained(&self) -> Mono {
        self.busy_until + TAIL
    }

    /// Throws away what has not left yet (R5).
    pub(crate) fn discard(&mut self) {
        self.busy_until = Mono(0);
        // A device that is gone has nothing left to send.
        let _ = self.port.discard_output_buffer();
    }
}

impl Drop for Port {
    /// Whatever ends the channel, a panic too, leaves nothing behind that would still be sent; and closing a device whose other end does
    /// not take anything would wait for it for half a minute.
    fn drop(&mut self) {
        self.discard();
    }
}

#[expect(deprecated, reason = "its successor asks the caller by `unsafe` that the file is owned and never replaced: it is, and never is")]
fn watched(file: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(file)
}

fn set(mut settings: Settings, line: &Serial) -> io::Result<Settings> {
    settings.set_raw();
    settings.set_baud_rate(line.baud)?;
    settings.set_char_size(match line.data_bits {
        DataBits::Seven => CharSize::Bits7,
        DataBits::Eight => CharSize::Bits8,
    });
    settings.set_parity(match line.parity {
        Parity::None => serial2::Parity::None,
        Parity::Even => serial2::Parity::Even,
        Parity::Odd => serial2::Parity::Odd,
    });
    settings.set_stop_bits(match line.stop_bits {
        StopBits::One => serial2::StopBits::One,
        StopBits::Two => serial2::StopBits::Two,
    });
    settings.set_flow_control(if line.rts_cts { FlowControl::RtsCts } else { FlowControl::None });
    Ok(settings)
}

/// Where the channel of a serial link comes from.
pub(crate) struct Device {
    line: Serial,
    open: bool,
    retry: Retry,
}

impl Device {
    pub(crate) const fn new(line: Serial, not_before: Mono) -> Self {
        Self { line, open: false, retry: Retry::new(not_before) }
    }

    pub(crate) fn deadline(&self, may_open: bool) -> Mono {
        if self.open || !may_open { Mono::NEVER } else { self.retry.deadline() }
    }

    pub(crate) fn poll(&mut self, may_open: bool, now: Now) -> Poll<Arrived> {
        if self.open || !may_open || !self.retry.may(now.mono) {
            return Poll::Pending;
        }
        let path = self.line.path.display().to_string();
        Poll::Ready(match Port::open(&self.line) {
            Ok(port) => Arrived::Open { wire: Wire::Serial(Box::new(port)), far: Far::Device(path.into()), line: None },
            Err(error) => {
                self.retry.failed("cannot open", &path, &error, now.mono, random());
                Arrived::Moved
            }
        })
    }

    pub(crate) fn worked(&mut self) {
        self.open = true;
        self.retry.worked();
    }

    pub(crate) fn gone(&mut self, was_steady: bool, now: Mono) {
        self.open = false;
        self.retry.gone(was_steady, now, random());
    }
}
