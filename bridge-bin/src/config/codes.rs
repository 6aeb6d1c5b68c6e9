//! The codes of the configuration and the paragraph behind each.

use bridge_diag::Explanation;

macro_rules! explanations {
    ($($code:literal: $text:literal,)+) => { &[$(Explanation { code: $code, text: $text },)+] };
}

/// Every code that `check` and `run` may show about `bridge.toml` and `site.toml`.
pub(crate) const EXPLANATIONS: &[Explanation] = explanations! {
    "config::syntax": "The file is not TOML 1.0. Nothing in it was read beyond this place. Mend the syntax at the line shown (a missing quote, a bracket, a key given twice) and check again: other problems appear then.",
    "config::unknown-key": "The configuration has a key that this version does not know. Unknown keys are errors, because a mistyped limit that is silently ignored is worse than one that is missing. The nearest known name is suggested.",
    "config::missing-key": "A key that has no safe default is not there. Add it. Defaults exist only where every site may live with them.",
    "config::wrong-kind": "The value is of another kind than the key needs: text where a number is expected, one table where a list is expected. Durations are text with a unit (\"500ms\").",
    "config::schema-unknown": "The first key of each file names its format, so that an older or newer file is refused by name instead of misread. This version reads ies-bridge/1 and ies-site/1.",
    "config::file-unreadable": "The file is not there, may not be read by this user, or is not UTF-8. Paths in a configuration are relative to the file they stand in, not to the working folder.",
    "config::bad-role": "Roles are the words of the IES register in capitals (NLDC, RLDC, SLDC, GENCO, DISCOM and so on; the problem lists them all). The trust bundle grants authority by party and role.",
    "config::bad-did": "A party is named by its decentralised identifier of the method web: `did:web:` and a domain name. It is also its Beckn subscriber id and the name in its certificate.",
    "config::bad-origin": "The origin is the name of this bridge's log: it stands in the first line of each checkpoint and in the name of the key that signs it. It has no spaces and no plus sign and never changes for a journal.",
    "config::bad-url": "A peer's or our own base address: https://host:port, optionally with a path before /beckn.",
    "config::bad-address": "An IP address, with its port where the bridge connects or listens. Names are not looked up: control must work when name servers do not.",
    "config::bad-duration": "A duration is a number and a unit, in quotes: 500ms, 2s, 5min, 12h, 30d.",
    "config::out-of-range": "The number is outside the range in which the bridge is known to behave. The range is shown.",
    "config::bad-key": "A public key is 32 octets in base64 (44 characters), as `ies-bridge keys show` and `ies-bridge trust officer` print it.",
    "config::bad-peer": "Each link says who is at its other end: `sim` is a simulator of ours, `test` an independent test peer, `real` a station or EMS of the grid. Controls open to the first two only (R14).",
    "config::secret-inline": "A secret never stands in a configuration file, because configurations are copied, mailed and committed. Name the file that holds it (`file:tls/bridge.key`) or a variable that names the file (`env:BRIDGE_TLS_KEY`).",
    "config::env-missing": "The configuration takes a secret's path from an environment variable that is not set, or empty, in the environment of this process.",
    "config::keys": "The folder of keys cannot be used: not there, incomplete, or readable by others. Keys are made by `ies-bridge keys init DIR` with modes 0700 and 0600; the bridge refuses wider modes, because whoever reads the keys can speak in its name.",
    "config::trust-bundle": "Control verifies only against the signed local trust bundle (R26): parties, keys, roles and authority, signed by two officers whose public keys stand in [trust]. It was not there, not signed by two of them, older than one that was in force, or past its hard limit.",
    "config::trust-stale": "The trust bundle is old. It still holds: an island must work without its registry. From its hard limit on (30 days unless configured) it authorises nothing. Have two officers issue a new one.",
    "config::officers-few": "Trust is changed by two persons. [trust] officers lists the public keys of all who may sign; at least two.",
    "config::officer-twice": "The same public key stands twice among the officers: one person would count as two.",
    "config::not-a-party": "The trust bundle does not list this bridge's own identity, or not in this role. Its peers use the same bundle, so nothing this bridge signs would be believed.",
    "config::own-key-unknown": "The bundle lists this bridge, but not with the key in its folder: another key, another use, or a bundle from before a rotation. What it signs would be refused by every peer.",
    "config::operator-name": "An operator's name is what the person signs with. It stands in the journal and in signed acknowledgements, so it is short, has no control characters, and is never empty.",
    "config::operator-twice": "The same name stands twice among the operators. One entry per person, so that one line says all that this person may do.",
    "config::operator-missing": "The profile has controls that a person executes or releases (execution = operator or released, start, stop), and bridge.toml lists nobody with the role OPERATOR. Such instructions are shown, cannot be answered, and expire; the issuer is told so (R8).",
    "config::peer-twice": "Two peers have the same name or the same identity. Messages are routed by both.",
    "config::peer-missing": "The profile takes values from, relays commands to, or shows the state of a party that bridge.toml does not list. Add a [[peer]] with that name.",
    "config::peer-not-trusted": "A peer in bridge.toml is not in the trust bundle in that role. Nothing it signs would be accepted, so the exchange could never work.",
    "config::profile-count": "A bridge of this version runs exactly one profile: it names all links, points and controls of the site, and its hash goes into every batch header. Two sites are two bridges, or one profile made of templates.",
    "config::profile-changed": "The profile's files are not those that were approved: the SHA-256 over their names and bytes differs from the one in bridge.toml. Compare, run `ies-bridge profile test`, then pin the new hash that is shown.",
    "config::link-unknown": "site.toml says where a link goes that the profile does not have. Names must agree.",
    "config::link-missing": "The profile has a link, and site.toml does not say where it goes. Every link has an endpoint and says who is at the other end.",
    "config::link-twice": "Two entries of site.toml are about the same link. One endpoint per link.",
    "config::control-link": "R14: until the command machine is complete, links that carry controls open only to simulators and declared test peers (peer = \"sim\" or \"test\"), on loopback addresses or, with namespace = true, on private addresses in a network namespace of your own, which `run` proves before it opens the link. That holds for every address of the link, its own too; over a serial line, where no address shows who is there, only for peer = \"sim\". A link to a real station can be monitor-only.",
    "config::allow-missing": "A link that listens on an address others can reach says who may connect: the addresses of the EMS and of its stand-by. On loopback this machine may.",
    "config::link-lines": "A link that connects may name several addresses: two interfaces of one station, or two lines to it. A connection to each is kept open all the time; which one carries data is the protocol's decision. A link that listens has one address, to which several peers may connect.",
    "config::link-shared": "Links may listen on the same address, one for each master (redundancy groups and separate masters behind the one port of IEC 60870-5-104). Whoever connects must belong to exactly one of them: their `allow` lists of addresses, or of certificates, have nothing in common. With TLS all of them show the same certificate and believe the same issuers, because that is decided before it is known who calls.",
    "config::link-transport": "A link's `transport` is tcp (a client connects, a server listens), dual (it connects and listens, and one connection is open at a time), udp or serial, as far as its protocol runs over it. The keys that belong to one transport say nothing with another and are not ignored in silence: `listen` is for dual, `local` and `first` for udp, `serial` for a serial line.",
    "config::link-connected": "A DNP3 link's `connected` says whether its channel is a connection, which is closed when the peer is silent. Over a serial line and over UDP there is nothing to close: the peer is told as silent and asked again, and a link that says otherwise contradicts its `transport`. It need not be said: it follows from the transport. `connected = false` over TCP is for a terminal server with a serial line behind it.",
    "config::link-no-tls": "TLS needs a stream between two ends: there is none over UDP or a serial line in this version, and a link that asks for protection must not run without it. Use TCP for what leaves your own premises, or protect the path by other means (a VPN, a line of your own) and take `tls` away.",
    "config::link-second": "When a peer connects while it is connected, either the new connection takes the place of the old one (`replace`: a peer that restarted is back at once, and whoever is allowed can push another out) or it is turned away (`refuse`: who is here stays, and a peer that restarted waits until its old connection is found dead). A dual end point has no default: both ends may call at the same moment.",
    "config::link-local": "A UDP link that speaks first is bound to one address and port of this machine: its peer answers there and may hear nobody else. On loopback a free port is taken if nothing is said.",
    "config::link-serial": "A value of a link's `serial` is not what its key needs: `device` is a whole path, `parity` is none, even or odd, `flow` is none or rts-cts. A device whose driver cannot do what is asked is not opened, told, and tried again.",
    "config::link-tls": "A value of a link's `tls` is not what its key needs: a fingerprint is the SHA-256 of a certificate in hexadecimal, a subject is written whole (CN=rtu-7,O=Genco) or as one alternative name (dns:…, uri:…, ip:…), min_version is 1.2 or 1.3.",
    "config::link-tls-file": "A file of a link's `tls` cannot be used: not there, not in PEM, a key that does not belong to the certificate or that others can read, a certificate that has expired, is signed with SHA-1 or has an RSA key of less than 2,048 bits. Peers would refuse it, or we could not judge theirs. While a link runs the same checks hold for every new file: a broken one is told and the one before stays in force.",
    "config::link-tls-no-crl": "Without a revocation list a stolen key is believed until its certificate expires. List the CRL file of each issuer in `crl` and replace it when the authority publishes a new one: the link reads it again by itself, cuts revoked peers off, and warns when a list is overdue.",
    "config::link-tls-soon": "The TLS of this link works now and will not for long: our certificate comes to its end, or a revocation list is past its next update. From the time shown on peers refuse us, or nobody new is accepted. New files are taken without a restart, and open sessions go on.",
    "config::link-tls-whom": "A certificate of a known issuer says that somebody is known, not that he is meant. A listening link names in `tls.allow` who may connect, by fingerprint, subject or alternative name; a connecting link names the server (`server_name`) or lists it in `allow`.",
    "config::tls": "Between bridges everything is mutual TLS with private roots. Plain HTTP is for loopback tests only. The certificate, key or roots are missing, unreadable, or the schemes do not agree.",
    "config::sink-kind": "A [[sink]] says by `kind` how events leave. This version knows one kind: `webhook`, batches of CloudEvents by HTTPS. The stream to peers needs no sink: peers subscribe to it.",
    "config::sink-twice": "Each sink has a cursor in the journal under its name, and its alarms carry the name. Two sinks of one name, or a sink with a peer's name, could not be told apart.",
    "config::sink-url": "Where a webhook goes: https with host and path, or plain HTTP to this machine. Redirects are not followed, names and passwords do not stand in addresses, and plain HTTP never leaves the machine.",
    "config::sink-verb": "A sink lists the verbs that leave through it. The word is none of the IES verbs; the list in the fix has them all. Without `verbs` everything leaves that is ours.",
    "config::sink-resource": "A sink lists the resources whose events leave through it, by the profile's key or by address. The profile has no such resource, so nothing would ever leave, in silence.",
    "config::sink-header": "The headers of a webhook are for the receiver's own tokens. Host, content type, lengths and the signature belong to the bridge; a header's name has letters, digits and hyphens.",
    "config::sink-secret": "The value of a webhook's header is the one line of a file that only the bridge's user can read. A secret never stands in the configuration itself, which is hashed, copied and shown.",
    "config::sink-tls": "An https webhook believes the roots given with it, or those of [tls]; the platform's list of roots is never used. A client certificate needs its key, and both are PEM files that can be read.",
    "config::sink-poison": "When a receiver refuses one event for good, the sink either parks (stops with an alarm and tries that event again every few minutes: nothing is lost) or skips it (goes on, with a signed gap that names it).",
    "config::retention": "The journal would outgrow its share of the disk before its days are over. The figure holds a tenth back for commands and acknowledgements. It is a calculation: this version removes no segment by itself.",
};

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn every_code_used_in_this_folder_is_explained() {
        let used: Vec<&str> = [
            include_str!("bridge.rs"),
            include_str!("site.rs"),
            include_str!("sink.rs"),
            include_str!("check.rs"),
            include_str!("value.rs"),
            include_str!("link_tls.rs"),
            include_str!("way.rs"),
        ]
        .into_iter()
        .flat_map(|text| text.split('"').filter(|word| word.starts_with("config::") && !word.contains(' ')))
        .collect();
        assert!(used.len() > 30);
        for code in used {
            assert!(EXPLANATIONS.iter().any(|e| e.code == code), "{code} has no paragraph");
        }
        for e in EXPLANATIONS {
            assert!(e.text.len() > 60, "{} says nothing", e.code);
        }
    }
}
