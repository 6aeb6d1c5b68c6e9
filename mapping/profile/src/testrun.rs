pub struct TestOutcome;
pub fn run_test() {}
