pub enum Error {}
pub struct AlarmChange;
pub struct Mapped;
pub struct MappedPoint;
pub struct Upward;
