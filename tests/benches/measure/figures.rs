//! Medians, the lines of the result, targets.

use serde_json::{Value, json};

/// The value below which the share `q` of the samples lies; sorts them. NaN if there are none.
pub(crate) fn quantile(samples: &mut [f64], q: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = ((samples.len().saturating_sub(1)) as f64 * q).round() as usize;
    samples.get(at).copied().unwrap_or(f64::NAN)
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Target {
    /// The value shall not exceed it.
    AtMost(f64),
    /// The value shall reach it.
    AtLeast(f64),
    /// Less is better, and nothing is promised.
    Less,
    /// More is better, and nothing is promised.
    More,
}

/// One figure over all repeats.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) samples: Vec<f64>,
    pub(crate) target: Target,
    pub(crate) peer: Option<(&'static str, f64)>,
    pub(crate) note: String,
}

impl Figure {
    /// The line for standard output and the line for people, which says whether the target is met by the median.
    pub(crate) fn lines(mut self) -> (Value, String) {
        let value = quantile(&mut self.samples, 0.5);
        let (first, last) = (self.samples.first().copied().unwrap_or(f64::NAN), self.samples.last().copied().unwrap_or(f64::NAN));
        let word = |met| if met { "met" } else { "NOT MET" };
        let (best, worst, target) = match self.target {
            Target::AtMost(most) => (first, last, format!("target ≤ {most}: {}", word(value <= most))),
            Target::AtLeast(least) => (last, first, format!("target ≥ {least}: {}", word(value >= least))),
            Target::Less => (first, last, "no target".to_owned()),
            Target::More => (last, first, "no target".to_owned()),
        };
        let line = json!({
            "name": self.name,
            "unit": self.unit,
            "value": rounded(value),
            "best": rounded(best),
            "peer": self.peer.map(|(name, _)| name),
            "peer_value": self.peer.map(|(_, value)| value),
            "ratio": self.peer.map(|(_, peer)| rounded(value / peer)),
            "note": self.note,
        });
        let text = format!(
            "{:<30} {:>12} {:<10} {target}   (best {}, worst {})",
            self.name,
            rounded(value),
            self.unit,
            rounded(best),
            rounded(worst)
        );
        (line, text)
    }
}

/// Four digits are more than the machine repeats.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
