//! `keys`: making and showing the three keys of a bridge.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_trust::KeyStore;

use crate::clock;
use crate::fault::Fault;
use crate::say;

/// Arguments of `keys`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Make the keys of a new bridge.
    #[command(after_help = "Example:\n  ies-bridge keys init plant/keys")]
    Init {
        /// The folder to make.
        dir: PathBuf,
    },
    /// Show the public keys, for the officers who keep the trust bundle.
    #[command(after_help = "Example:\n  ies-bridge keys show plant/keys")]
    Show {
        /// The folder of keys.
        dir: PathBuf,
    },
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Init { dir } => {
            let keys = KeyStore::init(dir, &mut clock::fill).map_err(|e| {
                Fault::new(format!("no keys were made in {}", dir.display()))
                    .because(&e)
                    .fix("name a folder that is new, or yours alone (mode 0700)")
            })?;
            say::text(keys.show())?;
            say::line("made, readable by you only. Keep a copy off this machine; give the lines above to the officers.")?;
        }
        Args::Show { dir } => {
            let keys = KeyStore::load(dir).map_err(|e| {
                Fault::new(format!("the keys in {} cannot be used", dir.display()))
                    .because(&e)
                    .fix("ies-bridge keys init DIR makes new ones")
            })?;
            say::text(keys.show())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
