//! `trust`: the officers' side of the local trust bundle (R26).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_trust::{BundleContent, Ed25519Key, base64_decode, base64_encode, read_ed25519_file, sign_bundle, write_ed25519_file};

use crate::clock;
use crate::fault::Fault;
use crate::say;

/// Arguments of `trust`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Make an officer's key file, or show the public key of one that is there.
    #[command(after_help = "Example:\n  ies-bridge trust officer asha.key")]
    Officer {
        /// The key file.
        file: PathBuf,
    },
    /// Sign a draft bundle with the keys of two officers.
    #[command(after_help = "Example:\n  ies-bridge trust sign draft.json --officer asha.key --officer ravi.key --out trust.json\n\n\
        The draft is JSON: { \"schema\": \"ies-trust/1\", \"version\": 1, \"issuedAt\": \"2026-04-01T10:00:00+05:30\",\n\
        \"parties\": [{ \"did\", \"roles\", \"keys\": [{ \"kid\", \"alg\", \"use\", \"public\", \"notBefore\", \"notAfter\" }] }],\n\
        \"authorities\": [{ \"party\", \"role\", \"verbs\", \"eras\" }] }")]
    Sign {
        /// The draft.
        draft: PathBuf,
        /// An officer's key file (give two).
        #[arg(long, required = true)]
        officer: Vec<PathBuf>,
        /// Where to write the bundle.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show what a bundle says and who signed it.
    #[command(after_help = "Example:\n  ies-bridge trust show trust.json --officer BASE64 --officer BASE64")]
    Show {
        /// The bundle.
        file: PathBuf,
        /// An officer's public key, in base64 (give two).
        #[arg(long, required = true)]
        officer: Vec<String>,
    },
}

fn officer(file: &Path) -> Result<Ed25519Key, Fault> {
    read_ed25519_file(file).map_err(|e| {
        Fault::new(format!("the officer's key {} cannot be used", file.display()))
            .because(&e)
            .fix("ies-bridge trust officer FILE makes one")
    })
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Officer { file } => {
            if !file.exists() {
                let mut seed = [0; 32];
                clock::fill(&mut seed);
                write_ed25519_file(file, &seed).map_err(|e| Fault::new(format!("no key was made in {}", file.display())).because(&e))?;
            }
            say::line(base64_encode(&officer(file)?.public()))?;
        }
        Args::Sign { draft, officer: files, out } => {
            let bad = |e: &dyn std::error::Error| {
                Fault::new(format!("the draft {} cannot be signed", draft.display()))
                    .because(e)
                    .fix("ies-bridge trust sign --help shows its form")
            };
            let bytes = std::fs::read(draft).map_err(|e| bad(&e))?;
            let mut value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| bad(&e))?;
            if let Some(fields) = value.as_object_mut() {
                // A bundle in force may be the draft of the next one.
                fields.remove("signatures");
            }
            let content: BundleContent = serde_json::from_value(value).map_err(|e| bad(&e))?;
            let keys = files.iter().map(|file| officer(file)).collect::<Result<Vec<_>, _>>()?;
            let signed = sign_bundle(&content, &keys.iter().collect::<Vec<_>>()).map_err(|e| bad(&e))?;
            std::fs::write(out, &signed).map_err(|e| Fault::new(format!("{} cannot be written", out.display())).because(&e))?;
            say::line(format!("{}: version {}, signed by {} officers", out.display(), content.version, keys.len()))?;
        }
        Args::Show { file, officer } => {
            let bad = |e: &dyn std::error::Error| {
                Fault::new(format!("the trust bundle {} is not accepted", file.display()))
                    .because(e)
                    .fix("ies-bridge explain config::trust-bundle")
            };
            let mut officers = Vec::new();
            for text in officer {
                let key = base64_decode(text).and_then(|octets| octets.try_into().ok());
                officers.push(
                    key.ok_or_else(|| Fault::new(format!("`{text}` is no public key")).fix("ies-bridge trust officer FILE prints it"))?,
                );
            }
            let bytes = std::fs::read(file).map_err(|e| bad(&e))?;
            let now = clock::now().utc.0;
            let bundle = bridge_trust::TrustBundle::load(&bytes, &officers, None, now).map_err(|e| bad(&e))?;
            say::line(format!("version {}, {:?}", bundle.version(), bundle.age(now)))?;
            for party in &bundle.content().parties {
                let roles: Vec<&str> = party.roles.iter().map(|role| role.as_str()).collect();
                say::line(format!("  {} ({}) {} keys", party.did, roles.join(", "), party.keys.len()))?;
            }
            for authority in &bundle.content().authorities {
                let verbs: Vec<&str> = authority.verbs.iter().map(|verb| verb.as_str()).collect();
                say::line(format!(
                    "  {} as {} may {} on {}",
                    authority.party,
                    authority.role.as_str(),
                    verbs.join(", "),
                    authority.eras.join(", ")
                ))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
