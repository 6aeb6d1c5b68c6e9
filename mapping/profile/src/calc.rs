//! Calculated points: one value made of others. The result is as bad as the worst of them and knows no more than they do.

use std::fmt;
use std::sync::Arc;

use bridge_model::{Detail, PointId, Quality, Timestamp, Validity, Value};

/// How one point follows from others.
#[derive(Clone, PartialEq, Debug)]
pub struct Calculation {
    /// The calculated point.
    pub point: PointId,
    /// What it is made of, at least one.
    pub inputs: Vec<PointId>,
    /// How.
    pub formula: Formula,
    /// The result is a state: it became true when the newest of its inputs did. A quantity is as old as its oldest input.
    pub state: bool,
}

/// The rule of a calculation; inputs in the order of [`Calculation::inputs`].
#[derive(Clone, PartialEq, Debug)]
pub enum Formula {
    /// Σ factor × input, in the engineering unit of the result: sums and differences.
    Weighted(Vec<f64>),
    /// An expression over names.
    Expression(Expression),
}

/// What is known of one input: value in engineering units, quality as of now, time.
pub type Reading = (Value, Quality, Timestamp);

impl Calculation {
    /// The value that follows from the readings of the inputs, in their order. What cannot be computed (a division by zero) is no number,
    /// INVALID. `None` if there are fewer readings than inputs.
    #[must_use]
    pub fn evaluate(&self, readings: &[Reading]) -> Option<Reading> {
        if readings.len() < self.inputs.len() {
            return None;
        }
        let mut quality = Quality::GOOD;
        let mut time = readings.first()?.2;
        for (_, of_input, at) in readings {
            quality = quality.worsened(of_input.validity, of_input.detail);
            if (at.utc > time.utc) == self.state {
                time = *at;
            }
        }
        let value = match &self.formula {
            Formula::Weighted(factors) => {
                Some(Value::Real(factors.iter().zip(readings).map(|(factor, (value, _, _))| factor * value.as_f64()).sum()))
            }
            Formula::Expression(expression) => expression.evaluate(readings.iter().map(|(value, _, _)| *value)).ok(),
        };
        match value {
            Some(value) if value.as_f64().is_finite() => Some((value, quality, time)),
            _ => Some((Value::Real(f64::NAN), quality.worsened(Validity::Invalid, Detail::FAILURE), time)),
        }
    }
}

/// An expression of the Common Expression Language over scalars: arithmetic, comparison, logic, a choice, `min` and `max`. It has no
/// loops, lists, text or functions beside these, so that what it costs is bounded by its length.
#[derive(Clone)]
pub struct Expression {
    text: String,
    names: Vec<String>,
    program: Arc<cel::Program>,
    env: Arc<cel::Env>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.names == other.names
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {:?}", self.text, self.names)
    }
}

/// The longest expression, in bytes.
pub(crate) const MAX_EXPRESSION: usize = 500;
/// How deep parentheses may stand in each other.
const MAX_DEPTH: usize = 32;
const BY_ZERO: &str = "it divides by zero";
/// Functions beside the operators, whose names begin with a sign.
const FUNCTIONS: [&str; 4] = ["min", "max", "double", "int"];

impl Expression {
    /// Reads an expression over these names; `states` says of each whether it is a state. It is evaluated with every input at 0, at 1 and
    /// at 2, so that types that do not fit show here.
    ///
    /// # Errors
    /// In words: too long, not readable, a name or function that is not known, a type that does not fit.
    pub fn new(text: &str, names: Vec<String>, states: &[bool]) -> Result<Self, String> {
        if text.len() > MAX_EXPRESSION {
            return Err(format!("it has {} bytes, more than {MAX_EXPRESSION}", text.len()));
        }
        if let Some(strange) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || " _.()+-*/%<>=!&|?:,\n".contains(*c))) {
            return Err(format!("`{strange}` cannot stand in it: it computes with numbers and states only"));
        }
        let mut depth = 0_usize;
        for letter in text.chars() {
            depth = match letter {
                '(' => depth + 1,
                ')' => depth.saturating_sub(1),
                _ => depth,
            };
            if depth > MAX_DEPTH {
                return Err(format!("its parentheses stand more than {MAX_DEPTH} deep in each other"));
            }
        }
        let env = Arc::new(cel::Env::stdlib());
        let program = env.compile(text).map_err(|errors| first_line(&errors.to_string()))?;
        let references = program.references();
        let mut unknown: Vec<&str> = references.variables().into_iter().filter(|name| !names.iter().any(|known| known == name)).collect();
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            return Err(format!("`{name}` is not among its inputs"));
        }
        let is_operator = |name: &str| !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if let Some(name) = references.functions().into_iter().find(|name| !is_operator(name) && !FUNCTIONS.contains(name)) {
            return Err(format!("`{name}` is not among its functions: {}", FUNCTIONS.join(", ")));
        }
        let expression = Self { text: text.to_owned(), names, program: Arc::new(program), env };
        for sample in 0..3_i8 {
            let values = states.iter().map(|state| if *state { Value::Int(sample.into()) } else { Value::Real(sample.into()) });
            match expression.evaluate(values) {
                Err(problem) if problem != BY_ZERO => return Err(problem),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(expression)
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its inputs, in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The value over these inputs: states are whole numbers in it (`breaker == 2`), quantities are decimal.
    ///
    /// # Errors
    /// In words: types that do not fit, a division of whole numbers by zero, no number or truth as the result.
    fn evaluate(&self, values: impl Iterator<Item = Value>) -> Result<Value, String> {
        let mut context = cel::Context::with_env(self.env.clone());
        for (name, function) in [("min", cel::functions::min as fn(_) -> _), ("max", cel::functions::max as fn(_) -> _)] {
            context.add_function(name, function).map_err(|error| error.to_string())?;
        }
        for (name, value) in self.names.iter().zip(values) {
            let value = match value {
                Value::Bool(_) | Value::Double(_) | Value::Int(_) => cel::Value::Int(value.as_f64() as i64),
                Value::Real32(_) | Value::Real(_) => cel::Value::Float(value.as_f64()),
            };
            context.add_variable_from_value(name.as_str(), value);
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Float(number)) => Ok(Value::Real(number)),
            Ok(cel::Value::Int(number)) => Ok(Value::Int(number)),
            Ok(cel::Value::UInt(number)) => i64::try_from(number).map(Value::Int).map_err(|_| "the number is too large".to_owned()),
            Ok(cel::Value::Bool(truth)) => Ok(Value::Bool(truth)),
            Ok(other) => Err(format!("it gives {}, neither number nor state", other.type_of())),
            Err(cel::ExecutionError::DivisionByZero(_) | cel::ExecutionError::RemainderByZero(_)) => Err(BY_ZERO.to_owned()),
            Err(error) => Err(first_line(&error.to_string())),
        }
    }
}

/// The first line of a reader's complaint, without the place: the whole text is one line of the profile.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let bare = line.strip_prefix("ERROR: <input>:").and_then(|rest| rest.split_once(": ")).map_or(line, |(_, problem)| problem);
    bare.to_owned()
}

#[cfg(test)]
mod tests {
    use bridge_model::Utc;

    use super::*;

    fn good(value: f64, ns: i64) -> Reading {
        (Value::Real(value), Quality::GOOD, Timestamp::by_device(Utc(ns)))
    }

    fn of_two(state: bool, formula: Formula) -> Calculation {
        Calculation { point: PointId(2), inputs: vec![PointId(0), PointId(1)], formula, state }
    }

    fn expression(text: &str, states: [bool; 2]) -> Result<Expression, String> {
        Expression::new(text, vec!["a".to_owned(), "b".to_owned()], &states)
    }

    #[test]
    fn a_sum_is_as_bad_as_its_worst_part_and_as_old_as_its_oldest() {
        let calculation = of_two(false, Formula::Weighted(vec![1.0, 0.001]));
        let old = (Value::Real(5000.0), Quality::GOOD.stale(), Timestamp::by_device(Utc(3)));
        let (value, quality, time) = calculation.evaluate(&[good(100.0, 9), old]).expect("both are known");
        assert_eq!(value, Value::Real(105.0));
        assert_eq!((quality.validity, quality.detail), (Validity::Questionable, Detail::OLD_DATA));
        assert_eq!(time.utc, Utc(3));
        assert_eq!(calculation.evaluate(&[good(100.0, 9)]), None, "one was never read");
    }

    #[test]
    fn a_state_became_true_with_the_newest_of_its_inputs() {
        let both = expression("a > 1.0 && b > 1.0", [false, false]).expect("an expression");
        let calculation = of_two(true, Formula::Expression(both));
        let (value, quality, time) = calculation.evaluate(&[good(2.0, 9), good(3.0, 4)]).expect("both are known");
        assert_eq!((value, quality, time.utc), (Value::Bool(true), Quality::GOOD, Utc(9)));
    }

    #[test]
    fn what_cannot_be_computed_is_no_number_and_invalid() {
        let share = expression("a / b", [true, true]).expect("an expression");
        let calculation = of_two(false, Formula::Expression(share));
        let int = |value| (Value::Int(value), Quality::GOOD, Timestamp::default());
        let (value, quality, _) = calculation.evaluate(&[int(4), int(0)]).expect("both are known");
        assert!(value.as_f64().is_nan());
        assert_eq!((quality.validity, quality.detail), (Validity::Invalid, Detail::FAILURE));
    }

    #[test]
    fn what_an_expression_may_not_hold_is_refused_in_words() {
        for (text, words) in [
            ("a + c", "`c` is not among its inputs"),
            ("size(a)", "`size` is not among its functions"),
            ("[a].map(x, x)", "`[` cannot stand in it"),
            ("a + ", "Syntax error"),
            ("a + b", "Unsupported binary operator"),
            ("b > 1 ? a : b + a", "Unsupported binary operator"),
            ("a > 1.0 ? ", "Incomplete"),
            (&"(".repeat(40), "32 deep"),
            (&"a".repeat(501), "501 bytes"),
        ] {
            let problem = expression(text, [false, true]).expect_err(text);
            assert!(problem.contains(words), "{text}: {problem}");
        }
        assert!(expression("max(a, double(b)) * 0.5", [false, true]).is_ok(), "{:?}", expression("max(a, double(b)) * 0.5", [false, true]));
        assert!(expression("b == 2 ? a : -a", [false, true]).is_ok());
    }
}
