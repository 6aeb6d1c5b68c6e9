//! Units as the model writes them: a multiplier and a symbol (`UnitMultiplier`, `UnitSymbol` of IEC 61970-301).

use std::fmt;

/// The multipliers and their powers of ten.
const MULTIPLIERS: &[(&str, i32)] = &[
    ("none", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
    ("Z", 21),
    ("Y", 24),
    ("da", 1),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("micro", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

/// The symbols that the bridge knows by name.
const SYMBOLS: &[&str] = &[
    "none", "W", "VAr", "VA", "Wh", "VArh", "VAh", "V", "A", "Hz", "HzPers", "deg", "rad", "degC", "Pa", "bar", "s", "min", "h", "count",
    "cosPhi", "ohm", "S", "F", "H", "J", "N", "WPers", "VPerV", "WPerm2", "mPers", "m3Pers", "m", "m2", "m3", "kg", "g", "tonne", "K",
    "WPerHz", "VPerVAr", "ohmPerm",
];

/// The data types of attributes and their units, as CGMES fixes them.
const DATATYPES: &[(&str, &str, &str)] = &[
    ("ActivePower", "M", "W"),
    ("ReactivePower", "M", "VAr"),
    ("ApparentPower", "M", "VA"),
    ("Voltage", "k", "V"),
    ("CurrentFlow", "none", "A"),
    ("Frequency", "none", "Hz"),
    ("RealEnergy", "M", "Wh"),
    ("ActivePowerChangeRate", "M", "WPers"),
    ("Resistance", "none", "ohm"),
    ("Reactance", "none", "ohm"),
    ("Conductance", "none", "S"),
    ("Susceptance", "none", "S"),
    ("AngleDegrees", "none", "deg"),
    ("AngleRadians", "none", "rad"),
    ("Temperature", "none", "degC"),
    ("Seconds", "none", "s"),
    ("Length", "k", "m"),
    ("PerCent", "c", "none"),
    ("PU", "none", "none"),
];

/// A multiplier and a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unit {
    multiplier: &'static str,
    power: i32,
    symbol: &'static str,
}

impl Unit {
    /// No unit.
    pub const NONE: Self = Self { multiplier: "none", power: 0, symbol: "none" };

    /// From the literals of `UnitMultiplier` and `UnitSymbol`, without the names of the enumerations. `None` if one is not known.
    #[must_use]
    pub fn parse(multiplier: &str, symbol: &str) -> Option<Self> {
        let (multiplier, power) = MULTIPLIERS.iter().find(|(name, _)| *name == multiplier)?;
        let symbol = SYMBOLS.iter().find(|name| **name == symbol)?;
        Some(Self { multiplier, power: *power, symbol })
    }

    /// The unit that CGMES fixes for a data type of attributes.
    pub(crate) fn of_datatype(name: &str) -> Option<Self> {
        let (_, multiplier, symbol) = DATATYPES.iter().find(|(datatype, _, _)| *datatype == name)?;
        Self::parse(multiplier, symbol)
    }

    /// The literal of `UnitMultiplier`: `M`, `k`, `none`.
    #[must_use]
    pub const fn multiplier(self) -> &'static str {
        self.multiplier
    }

    /// The literal of `UnitSymbol`: `W`, `VAr`, `none`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        self.symbol
    }

    /// How many of the symbol's own unit it is: 1e6 for MW.
    #[must_use]
    pub fn factor(self) -> f64 {
        10_f64.powi(self.power)
    }

    /// The factor from this unit to another of the same symbol.
    #[must_use]
    pub fn factor_to(self, other: Self) -> Option<f64> {
        (self.symbol == other.symbol).then(|| 10_f64.powi(self.power - other.power))
    }
}

impl fmt::Display for Unit {
    /// As people write it: `MW`, `kV`, `%`; `WPers` and the like become `W/s`; no unit is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.symbol == "none" {
            return f.write_str(match self.power {
                -2 => "%",
                0 => "",
                _ => self.multiplier,
            });
        }
        f.write_str(match self.multiplier {
            "none" => "",
            "micro" => "µ",
            other => other,
        })?;
        match self.symbol.split_once("Per").or_else(|| self.symbol.split_once("per")) {
            Some((over, under)) if !under.is_empty() => write!(f, "{over}/{under}"),
            Some(_) | None => f.write_str(self.symbol),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn units_are_read_shown_and_converted() {
        let mw = Unit::parse("M", "W").unwrap();
        let kw = Unit::parse("k", "W").unwrap();
        assert_eq!((mw.to_string(), kw.factor_to(mw), mw.factor()), ("MW".to_owned(), Some(1e-3), 1e6));
        assert_eq!(mw.factor_to(Unit::parse("M", "VAr").unwrap()), None);
        assert_eq!(Unit::parse("M", "WPers").unwrap().to_string(), "MW/s");
        assert_eq!(Unit::parse("c", "none").unwrap().to_string(), "%");
        assert_eq!((Unit::NONE.to_string(), Unit::parse("none", "degC").unwrap().to_string()), (String::new(), "degC".to_owned()));
        assert_eq!((Unit::parse("mega", "W"), Unit::parse("M", "watt")), (None, None));
    }
}
