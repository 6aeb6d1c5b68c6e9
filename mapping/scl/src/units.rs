//! Units as IEC 61850-7-3 (6.3, SIUnit and multiplier) writes them, and as CIM does.

/// A unit of a measured value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// CIM UnitSymbol: `W`, `VAr`, `degC`, `none`; what is written, if CIM has no such symbol.
    pub symbol: String,
    /// CIM UnitMultiplier: `k`, `M`, `none`.
    pub multiplier: String,
}

impl Unit {
    /// The name people use: `MW`, `kV`, `Hz`, `degC`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.multiplier == "none" { self.symbol.clone() } else { format!("{}{}", self.multiplier, self.symbol) }
    }
}

/// Code, the word of SCL, CIM UnitSymbol.
const SYMBOLS: &[(i32, &str, &str)] = &[
    (1, "", "none"),
    (2, "m", "m"),
    (3, "kg", "kg"),
    (4, "s", "s"),
    (5, "A", "A"),
    (6, "K", "K"),
    (7, "mol", "mol"),
    (8, "cd", "cd"),
    (9, "deg", "deg"),
    (10, "rad", "rad"),
    (11, "sr", "sr"),
    (21, "Gy", "Gy"),
    (22, "Bq", "Bq"),
    (23, "°C", "degC"),
    (24, "Sv", "Sv"),
    (25, "F", "F"),
    (26, "C", "C"),
    (27, "S", "S"),
    (28, "H", "H"),
    (29, "V", "V"),
    (30, "ohm", "ohm"),
    (31, "J", "J"),
    (32, "N", "N"),
    (33, "Hz", "Hz"),
    (34, "lx", "lx"),
    (35, "Lm", "lm"),
    (36, "Wb", "Wb"),
    (37, "T", "T"),
    (38, "W", "W"),
    (39, "Pa", "Pa"),
    (41, "m²", "m2"),
    (42, "m³", "m3"),
    (43, "m/s", "mPers"),
    (44, "m/s²", "mPers2"),
    (45, "m³/s", "m3Pers"),
    (54, "W/m²", "WPerm2"),
    (61, "VA", "VA"),
    (62, "Watts", "W"),
    (63, "VAr", "VAr"),
    (64, "phi", "deg"),
    (65, "cos(phi)", "cosPhi"),
    (66, "Vs", "Vs"),
    (67, "V²", "V2"),
    (68, "As", "As"),
    (69, "A²", "A2"),
    (70, "A²t", "A2s"),
    (71, "VAh", "VAh"),
    (72, "Wh", "Wh"),
    (73, "VArh", "VArh"),
    (74, "V/Hz", "VPerHz"),
    (75, "Hz/s", "HzPers"),
    (76, "char", "character"),
    (77, "char/s", "charPers"),
    (80, "W/s", "WPers"),
];

/// Other ways tools write the same.
const ALIASES: &[(&str, &str)] = &[
    ("none", "none"),
    ("dimensionless", "none"),
    ("degC", "degC"),
    ("C°", "degC"),
    ("degrees", "deg"),
    ("Ohm", "ohm"),
    ("Ω", "ohm"),
    ("m2", "m2"),
    ("m3", "m3"),
    ("W/m2", "WPerm2"),
    ("m3/s", "m3Pers"),
    ("cosPhi", "cosPhi"),
    ("cos_phi", "cosPhi"),
    ("var", "VAr"),
    ("Var", "VAr"),
    ("VAR", "VAr"),
    ("varh", "VArh"),
    ("bar", "bar"),
];

/// Code (the power of ten), the word of SCL, CIM UnitMultiplier.
const MULTIPLIERS: &[(i32, &str, &str)] = &[
    (-24, "y", "y"),
    (-21, "z", "z"),
    (-18, "a", "a"),
    (-15, "f", "f"),
    (-12, "p", "p"),
    (-9, "n", "n"),
    (-6, "µ", "micro"),
    (-3, "m", "m"),
    (-2, "c", "c"),
    (-1, "d", "d"),
    (0, "", "none"),
    (1, "da", "da"),
    (2, "h", "h"),
    (3, "k", "k"),
    (6, "M", "M"),
    (9, "G", "G"),
    (12, "T", "T"),
    (15, "P", "P"),
    (18, "E", "E"),
    (21, "Z", "Z"),
    (24, "Y", "Y"),
];

/// The unit of a symbol and a multiplier as a file writes them: words or codes. A symbol CIM does not have stays as written.
#[must_use]
pub fn unit(symbol: &str, multiplier: &str) -> Unit {
    let by_code = symbol.parse().ok().and_then(|code: i32| SYMBOLS.iter().find(|row| row.0 == code));
    let by_word = || SYMBOLS.iter().find(|row| row.1 == symbol);
    let alias = || ALIASES.iter().find(|(word, _)| *word == symbol).map(|(_, cim)| *cim);
    let known = by_code.or_else(by_word).map(|row| row.2).or_else(alias);
    let power = multiplier_power(multiplier);
    let prefix = power.and_then(|power| MULTIPLIERS.iter().find(|row| row.0 == power)).map(|row| row.2);
    Unit { symbol: known.unwrap_or(symbol).to_owned(), multiplier: prefix.unwrap_or(multiplier).to_owned() }
}

/// The power of ten of a multiplier: a word (`k`), or its code (`3`).
#[must_use]
pub fn multiplier_power(written: &str) -> Option<i32> {
    let written = match written {
        "u" | "μ" | "micro" => "µ",
        "none" => "",
        other => other,
    };
    let by_word = MULTIPLIERS.iter().find(|row| row.1 == written).map(|row| row.0);
    by_word.or_else(|| written.parse().ok().filter(|code| MULTIPLIERS.iter().any(|row| row.0 == *code)))
}

#[cfg(test)]
mod tests {
    use super::{multiplier_power, unit};

    #[test]
    fn units_are_read_by_word_and_by_code() {
        for (symbol, multiplier, name) in [
            ("W", "M", "MW"),
            ("38", "6", "MW"),
            ("V", "k", "kV"),
            ("A", "", "A"),
            ("Hz", "none", "Hz"),
            ("VAr", "M", "MVAr"),
            ("°C", "", "degC"),
            ("", "", "none"),
            ("furlong", "k", "kfurlong"),
        ] {
            assert_eq!(unit(symbol, multiplier).name(), name, "{symbol} {multiplier}");
        }
    }

    #[test]
    fn a_multiplier_is_a_power_of_ten() {
        assert_eq!(multiplier_power("k"), Some(3));
        assert_eq!(multiplier_power("-3"), Some(-3));
        assert_eq!(multiplier_power("μ"), Some(-6));
        assert_eq!(multiplier_power("4"), None);
        assert_eq!(multiplier_power("kilo"), None);
    }
}
