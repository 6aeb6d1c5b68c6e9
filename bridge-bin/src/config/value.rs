//! Single values of the configuration: durations, addresses, keys, references.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_diag::{Report, Span, View};
use bridge_profile::parse_duration;
use bridge_trust::base64_decode;

/// A duration, if it is there, within bounds.
pub(crate) fn take_duration(view: &mut View<'_>, key: &str, range: (Duration, Duration), report: &mut Report) -> Option<Duration> {
    let (text, span) = view.take_str(key, report)?;
    let Some(duration) = parse_duration(text) else {
        report.push(
            view.error("config::bad-duration", span, format!("`{text}` is no duration"))
                .fix("write a number and a unit: `500ms`, `2s`, `5min`"),
        );
        return None;
    };
    if duration < range.0 || duration > range.1 {
        report.push(
            view.error("config::out-of-range", span, format!("`{key}` of {} is {text}", view.noun()))
                .fix(format!("use {:?} to {:?}", range.0, range.1)),
        );
        return None;
    }
    Some(duration)
}

/// A whole number, if it is there, within bounds.
pub(crate) fn take_count(view: &mut View<'_>, key: &str, range: (u64, u64), report: &mut Report) -> Option<u64> {
    let (value, span) = view.take_int(key, report)?;
    match u64::try_from(value) {
        Ok(count) if (range.0..=range.1).contains(&count) => Some(count),
        Ok(_) | Err(_) => {
            report.push(
                view.error("config::out-of-range", span, format!("`{key}` of {} is {value}", view.noun()))
                    .fix(format!("use {} to {}", range.0, range.1)),
            );
            None
        }
    }
}

/// A socket address.
pub(crate) fn address(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        report.push(
            view.error("config::bad-address", span, format!("`{text}` is no address and port"))
                .fix("write `127.0.0.1:2404`; names are not looked up"),
        );
    }
    parsed
}

/// An address without a port.
pub(crate) fn ip(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<IpAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        report.push(
            view.error("config::bad-address", span, format!("`{text}` is no address")).fix("write `127.0.0.1`; names are not looked up"),
        );
    }
    parsed
}

/// A DID of the method `did:web`.
pub(crate) fn did(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<String> {
    let name = text.strip_prefix("did:web:").unwrap_or_default();
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '%' | '_'));
    if !good {
        report.push(
            view.error("config::bad-did", span, format!("`{text}` is no identity"))
                .fix("write `did:web:` and a domain name: `did:web:genco.example`"),
        );
    }
    good.then(|| text.to_owned())
}

/// An Ed25519 public key in base64.
pub(crate) fn public_key(text: &str) -> Option<[u8; 32]> {
    base64_decode(text)?.try_into().ok()
}

/// A path relative to the folder of the file it stands in.
pub(crate) fn path(dir: &Path, text: &str) -> PathBuf {
    dir.join(text)
}

/// Where a secret is: `file:PATH`, or `env:NAME` for a variable that holds a path. A secret itself never stands in a configuration.
pub(crate) fn secret(view: &View<'_>, dir: &Path, text: &str, span: Span, report: &mut Report) -> Option<PathBuf> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        if value.is_none() {
            report.push(
                view.error("config::env-missing", span, format!("the variable {name} is not set"))
                    .fix("set it to the path of the secret's file"),
            );
        }
        return Some(dir.join(value?));
    }
    if let Some(file) = text.strip_prefix("file:").filter(|file| !file.is_empty()) {
        return Some(path(dir, file));
    }
    report.push(
        view.error("config::secret-inline", span, "a secret is named here by `file:PATH` or `env:NAME` only")
            .fix("move it to a file of mode 0600 and write `file:` and its path"),
    );
    None
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{hex, public_key};

    #[test]
    fn keys_have_exactly_32_octets() {
        assert!(public_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_some());
        assert!(public_key("AAAA").is_none());
        assert!(public_key("not base64").is_none());
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
