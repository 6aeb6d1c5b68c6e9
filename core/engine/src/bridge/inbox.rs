//! The inbox of the plant's operators: what waits for them, and their answers (R8).

use bridge_model::{Now, Utc};
use bridge_policy::Decision;
use bridge_policy::code::ABOVE_CAP;
use serde_json::{Value, json};

use super::Bridge;
use crate::caps;
use crate::instructions::{Bench, Instruction, Instructions, OperatorAnswer, Stand};
use crate::programme::driven;

impl Bridge {
    pub(super) fn bench(&mut self, now: Now) -> (&mut Instructions, Bench<'_>) {
        let bench = Bench { core: &mut self.core, exchange: &mut self.exchange, image: &self.router.image, now };
        (&mut self.instructions, bench)
    }

    /// One JSON object with all open instructions.
    pub(super) fn inbox(&self, now: Now) -> Value {
        json!({ "at": bridge_ies::format_time(now.utc.0), "instructions": self.instructions.list(&self.core, now) })
    }

    /// The id of the newest instruction that waits: for the trial of a profile.
    pub(crate) fn newest_instruction(&self) -> Option<String> {
        self.instructions.newest()
    }

    /// An operator answers an instruction; gives what it is now, or why the answer is not taken.
    pub(super) fn answer(&mut self, id: &str, operator: &str, answer: &OperatorAnswer, now: Now) -> Value {
        match self.answered(id, operator, answer, now) {
            Ok((operation, status)) => json!({ "operationId": operation, "status": status, "operator": operator }),
            Err(why) => {
                self.core.tell(format!("an answer of {operator} was not taken: {why}"));
                self.core.note(now, "answer-refused", &why, &[("operator", operator.to_owned()), ("operation", id.to_owned())]);
                json!({ "error": why })
            }
        }
    }

    fn answered(&mut self, id: &str, operator: &str, answer: &OperatorAnswer, now: Now) -> Result<(String, &'static str), String> {
        let instruction = self.instructions.find(&self.core, id, operator)?;
        let operation = instruction.operation.clone();
        let status = match answer {
            OperatorAnswer::Accept if instruction.released => {
                self.instructions.acceptable(&instruction)?;
                let cap = instruction.verb == "curtail";
                let decision = if cap { self.decide_cap_release(&instruction, now) } else { self.decide_release(&instruction, now) };
                if let Decision::Reject { code, text } = decision {
                    return Err(format!("it cannot be released now: {text} ({code}); it still waits for its answer"));
                }
                let plan = self.core.plan.clone();
                let control = plan.control(&instruction.control).map(bridge_model::PointId::index);
                let drive = control.and_then(|control| driven(&plan.controls, control));
                let (Some(control), Some((_, drive)), Some(setpoint)) = (control, drive, instruction.setpoint.clone()) else {
                    return Err("the profile has no such control any more".to_owned());
                };
                let start_by = Utc(instruction.valid_until_ns).0.min((now.utc + drive.max_age).0);
                let cap = cap.then(|| instruction.clone());
                let (instructions, mut bench) = self.bench(now);
                let status = instructions.accept(&mut bench, instruction, operator)?;
                if let Some(cap) = cap {
                    self.impose_presented(&cap, start_by, now);
                    return Ok((operation, status));
                }
                let rate = setpoint.ramp.map(|ramp| ramp.value);
                self.begin(control, operation.clone(), (setpoint.value, rate, None), start_by, now);
                status
            }
            OperatorAnswer::Accept => {
                self.under_caps(&instruction)?;
                let first = instruction.clone();
                let (instructions, mut bench) = self.bench(now);
                let status = instructions.accept(&mut bench, instruction, operator)?;
                self.by_hand(&first, now);
                status
            }
            OperatorAnswer::Reject { reason, text } => {
                let (instructions, mut bench) = self.bench(now);
                instructions.reject(&mut bench, instruction, operator, reason, text.as_deref())?
            }
            OperatorAnswer::Done { text } => {
                self.under_caps(&instruction)?;
                let (instructions, mut bench) = self.bench(now);
                let first = instruction.clone();
                let status = instructions.done(&mut bench, instruction, operator, text.as_deref())?;
                self.by_hand(&first, now);
                status
            }
        };
        Ok((operation, status))
    }

    /// A set-point that came while a cap was on its way out is not begun if that cap stands again (R6).
    fn under_caps(&self, instruction: &Instruction) -> Result<(), String> {
        let control = self.core.plan.control(&instruction.control).map(bridge_model::PointId::index);
        let cap = control.and_then(|control| caps::bound(&self.core, control));
        let setpoint = instruction.setpoint.as_ref().map(|setpoint| setpoint.value);
        match (cap, setpoint) {
            (Some(cap), Some(value)) if instruction.stand == Stand::Presented && value > cap => {
                Err(format!("a cap of {cap} is in force, and {value} is above it ({ABOVE_CAP}); it still waits for its answer"))
            }
            _ => Ok(()),
        }
    }

    /// A cap that people carry out is in force from their first answer.
    fn by_hand(&mut self, instruction: &Instruction, now: Now) {
        if instruction.verb == "curtail" && instruction.stand == Stand::Presented {
            self.impose_presented(instruction, now.utc.0, now);
        }
    }
}
