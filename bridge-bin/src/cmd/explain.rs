//! `explain`: the paragraph behind a code.

use std::process::ExitCode;

use bridge_diag::{Explanation, Explanations};

use crate::config;
use crate::fault::Fault;
use crate::say;

/// Arguments of `explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  ies-bridge explain ABOVE_MAX")]
pub(crate) struct Args {
    /// A code as it was shown (`profile::sign-missing`, `ABOVE_MAX`); without one, all codes are listed.
    code: Option<String>,
}

/// What `verify` concludes.
const VERDICTS: &[Explanation] = &[
    Explanation {
        code: "verify::verified",
        text: "Every record that a signed checkpoint covers is as it was when it was sealed, the checkpoints follow from one another, and a key you believe signed them. Leaves at the end that no checkpoint covers yet are counted as unsealed; they are sealed within a fraction of a second while the bridge runs, and at its next start after a crash.",
    },
    Explanation {
        code: "verify::tampered",
        text: "A record, a batch header or a checkpoint is not what was sealed, or stands where the bridge did not write it: edited, exchanged, or damaged by the disk. The first bad place is named by file, octet and batch. Everything before it still holds. Keep the files as they are, copy them, and compare with what the receivers of the stream hold: they have the same signed checkpoints.",
    },
    Explanation {
        code: "verify::incomplete",
        text: "What is there is as it was sealed, but a part is missing: a segment in the middle, or the end that the head file remembers as durable. A copy taken while the bridge was running can look so; take the copy again. A torn tail after a crash is not counted as missing.",
    },
    Explanation {
        code: "verify::untrusted-key",
        text: "The journal holds together, but no key that you believe signed its checkpoints under its origin's name. Either the wrong trust bundle or key was given, or the key was rotated and the bundle is older, or someone else wrote this journal. Ask the operator for the public key by another way than the files themselves.",
    },
];

/// Every table of the build.
pub(crate) fn explanations() -> Explanations {
    Explanations::default()
        .with(bridge_profile::EXPLANATIONS)
        .with(bridge_cim::EXPLANATIONS)
        .with(bridge_scl::EXPLANATIONS)
        .with(config::EXPLANATIONS)
        .with(VERDICTS)
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let all = explanations();
    let Some(code) = &args.code else {
        for code in all.codes().chain(bridge_policy::codes()) {
            say::line(code)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let text = all.explain(code).or_else(|| bridge_policy::explain(&code.to_ascii_uppercase()));
    let Some(text) = text else {
        let near = bridge_diag::nearest(code, all.codes().chain(bridge_policy::codes()));
        return Err(Fault::new(format!("no code is called `{code}`"))
            .fix(near.map_or_else(
                || "ies-bridge explain lists all codes".to_owned(),
                |near| format!("did you mean {near}? `ies-bridge explain` lists all"),
            ))
            .into());
    };
    say::line(code)?;
    say::line("")?;
    say::line(wrap(text, 100))?;
    Ok(ExitCode::SUCCESS)
}

/// Breaks a paragraph into lines of at most `width` characters, words permitting.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if line > 0 && line + 1 + length > width {
            out.push('\n');
            line = 0;
        } else if line > 0 {
            out.push(' ');
            line += 1;
        }
        out.push_str(word);
        line += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_over_all_tables() {
        let mut codes: Vec<&str> = explanations().codes().chain(bridge_policy::codes()).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(count > 60);
    }

    #[test]
    fn paragraphs_are_wrapped_at_words() {
        assert_eq!(wrap("aa bb cc dd", 5), "aa bb\ncc dd");
        assert_eq!(wrap("toolong b", 3), "toolong\nb");
    }
}
