//! Builds a fragment.

use crate::ControlPermit;
use crate::app::{AppControl, Function, Harmless, Iin, IndexWidth, Qualifier};

/// Why nothing was written. The fragment is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is no room: the next fragment begins here.
    #[error("fragment full")]
    Full,
    /// The fragment was begun without a permit and this would change the outstation.
    #[error("not on a link that only monitors")]
    Permit,
    /// The variation cannot say the value, its flags or its time.
    #[error("not to be said in this variation")]
    Unsaid,
    /// An object longer than its length field can say.
    #[error("object too long")]
    TooLong,
}

/// The header that the next object may join.
#[derive(Clone, Copy, Debug)]
struct Open {
    group: u8,
    variation: u8,
    qualifier: Qualifier,
    /// Where the count or the last index stands.
    at: usize,
    /// What stands there.
    number: u32,
    /// Packed bits in the last octet, 0 to 7; 0 if it is full or there is none.
    bits: u8,
}

/// Writes one fragment at a time into a buffer that it keeps. An object joins the header before it where it can: the count or last
/// index of that header is raised in place.
///
/// ```
/// use bridge_dnp3::app::{AppControl, FragmentWriter, Function, Iin};
/// let mut writer = FragmentWriter::new(2048);
/// writer.begin_response(AppControl::single(3), Function::Response, Iin(0));
/// writer.ranged(1, 2, 7, &[0x81]).unwrap();
/// writer.ranged(1, 2, 8, &[0x01]).unwrap();
/// assert_eq!(writer.octets(), [0xC3, 129, 0, 0, 1, 2, 0x01, 7, 0, 8, 0, 0x81, 0x01]);
/// ```
#[derive(Debug)]
pub struct FragmentWriter {
    octets: Vec<u8>,
    max: usize,
    header: usize,
    width: IndexWidth,
    harmless: Option<Function>,
    open: Option<Open>,
}

impl FragmentWriter {
    /// A writer of fragments of at most `max` octets (the smaller of what both ends declare; 249 at least, 2048 as a rule).
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { octets: Vec::with_capacity(max), max, header: 0, width: IndexWidth::Two, harmless: None, open: None }
    }

    /// Counts and indexes are at least so wide; two octets if nothing is said.
    pub const fn use_width(&mut self, width: IndexWidth) {
        self.width = width;
    }

    /// Begins a request that does not change the outstation; what was written before is gone.
    pub fn begin_request(&mut self, control: AppControl, function: Harmless) {
        self.begin(&[control.octet(), function.function().code()]);
        self.harmless = Some(function.function());
    }

    /// Begins any request.
    pub fn begin_control(&mut self, _permit: &ControlPermit, control: AppControl, function: Function) {
        self.begin(&[control.octet(), function.code()]);
    }

    /// Begins a response: `function` is one of 129 to 131.
    pub fn begin_response(&mut self, control: AppControl, function: Function, iin: Iin) {
        // Whatever is asked for, no request leaves by this way: it needs no permit.
        let function = if function.is_response() { function } else { Function::Response };
        let [iin1, iin2] = iin.octets();
        self.begin(&[control.octet(), function.code(), iin1, iin2]);
    }

    fn begin(&mut self, header: &[u8]) {
        self.octets.clear();
        self.octets.extend_from_slice(header);
        self.header = header.len();
        (self.harmless, self.open) = (None, None);
    }

    /// Changes the control octet: whether a fragment is the last is known at its end.
    pub fn set_control(&mut self, control: AppControl) {
        if let Some(octet) = self.octets.first_mut() {
            *octet = control.octet();
        }
    }

    /// Changes the indications of a response; nothing happens in a request.
    pub fn set_iin(&mut self, iin: Iin) {
        if self.header == 4
            && let Some(octets) = self.octets.get_mut(2..4)
        {
            octets.copy_from_slice(&iin.octets());
        }
    }

    /// The fragment as it is now.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether it holds no object header.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.octets.len() == self.header
    }

    /// Octets left.
    #[must_use]
    pub fn room(&self) -> usize {
        self.max.saturating_sub(self.octets.len())
    }

    /// Ends the header: the next object gets one of its own.
    pub const fn part(&mut self) {
        self.open = None;
    }

    /// Names all objects of a group (0x06).
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn name_all(&mut self, group: u8, variation: u8) -> Result<(), Refused> {
        self.append(&[&[group, variation, Qualifier::All.octet()]])?;
        self.open = None;
        Ok(())
    }

    /// Names a range of objects; `stop` is not below `start`.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn name_range(&mut self, group: u8, variation: u8, start: u32, stop: u32) -> Result<(), Refused> {
        let width = self.width.at_least_for(stop);
        let each = width.octets();
        let qualifier = Qualifier::StartStop(width).octet();
        self.append(&[&[group, variation, qualifier], cut(&start.to_le_bytes(), each), cut(&stop.max(start).to_le_bytes(), each)])?;
        self.open = None;
        Ok(())
    }

    /// Names at most so many objects (a limited READ of events). Nothing is written for a count of 0, which no header may carry.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn name_count(&mut self, group: u8, variation: u8, count: u32) -> Result<(), Refused> {
        if count == 0 {
            return Ok(());
        }
        let width = self.width.at_least_for(count);
        self.append(&[&[group, variation, Qualifier::Count(width).octet()], cut(&count.to_le_bytes(), width.octets())])?;
        self.open = None;
        Ok(())
    }

    /// Names one object by its index; a further one of the same kind joins the list.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn name_index(&mut self, group: u8, variation: u8, index: u32) -> Result<(), Refused> {
        self.prefixed(group, variation, index, &[])
    }

    /// An object of whole octets in a range: `index` follows the object before it, or a header begins.
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`].
    pub fn ranged(&mut self, group: u8, variation: u8, index: u32, octets: &[u8]) -> Result<(), Refused> {
        self.allowed(group, variation, octets)?;
        if let Some(open) = self.joins_range(group, variation, index) {
            self.append(&[octets])?;
            self.raise(open, 0);
            return Ok(());
        }
        self.open_range(group, variation, index, octets, 0)
    }

    /// An object of `width` packed bits (1 or 2) in a range: `index` follows the object before it, or a header begins.
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`].
    pub fn packed(&mut self, group: u8, variation: u8, index: u32, width: u8, bits: u8) -> Result<(), Refused> {
        self.allowed(group, variation, &[])?;
        let bits = bits & ((1 << width) - 1);
        let Some(open) = self.joins_range(group, variation, index) else {
            return self.open_range(group, variation, index, &[bits], width);
        };
        if open.bits == 0 {
            self.append(&[&[bits]])?;
        } else if let Some(last) = self.octets.last_mut() {
            *last |= bits << open.bits;
        }
        self.raise(open, (open.bits + width) % 8);
        Ok(())
    }

    /// An object with its index before it; one of the same kind joins the header before it.
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`].
    pub fn indexed(&mut self, group: u8, variation: u8, index: u32, octets: &[u8]) -> Result<(), Refused> {
        self.allowed(group, variation, octets)?;
        self.prefixed(group, variation, index, octets)
    }

    /// A single object without index, counted in one octet (times, delays).
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`].
    pub fn counted(&mut self, group: u8, variation: u8, octets: &[u8]) -> Result<(), Refused> {
        self.allowed(group, variation, octets)?;
        self.append(&[&[group, variation, Qualifier::Count(IndexWidth::One).octet(), 1], octets])?;
        self.open = None;
        Ok(())
    }

    /// A single object with its size before it (files, applications).
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`], [`Refused::TooLong`] beyond 65535 octets.
    pub fn free_format(&mut self, group: u8, variation: u8, octets: &[u8]) -> Result<(), Refused> {
        self.allowed(group, variation, octets)?;
        let size = u16::try_from(octets.len()).map_err(|_| Refused::TooLong)?;
        self.append(&[&[group, variation, Qualifier::FreeFormat.octet(), 1], &size.to_le_bytes(), octets])?;
        self.open = None;
        Ok(())
    }

    /// Headers and objects as they came in: the answer to a control echoes it. Only in responses.
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Permit`] in a request that was begun without a permit.
    pub fn verbatim(&mut self, octets: &[u8]) -> Result<(), Refused> {
        if self.harmless.is_some() {
            return Err(Refused::Permit);
        }
        self.append(&[octets])?;
        self.open = None;
        Ok(())
    }

    /// What a request that was begun without a permit may carry.
    fn allowed(&self, group: u8, variation: u8, octets: &[u8]) -> Result<(), Refused> {
        let allowed = match self.harmless {
            Some(Function::Write) => matches!(group, 50 | 80),
            // The mode is the eleventh word of a file command; 1 is to read.
            Some(Function::OpenFile) => (group, variation) == (70, 3) && octets.get(20..22) == Some(&[1, 0]),
            _ => true,
        };
        if allowed { Ok(()) } else { Err(Refused::Permit) }
    }

    fn prefixed(&mut self, group: u8, variation: u8, index: u32, octets: &[u8]) -> Result<(), Refused> {
        let width = self.width.at_least_for(index);
        let qualifier = Qualifier::Indexed(width);
        let index = index.to_le_bytes();
        let index = cut(&index, width.octets());
        if let Some(open) = self.open
            && (open.group, open.variation, open.qualifier) == (group, variation, qualifier)
            && open.number < width.max()
        {
            self.append(&[index, octets])?;
            self.raise(open, 0);
            return Ok(());
        }
        let at = self.octets.len() + 3;
        self.append(&[&[group, variation, qualifier.octet()], cut(&1_u32.to_le_bytes(), width.octets()), index, octets])?;
        self.open = Some(Open { group, variation, qualifier, at, number: 1, bits: 0 });
        Ok(())
    }

    /// The open header, if an object of this index continues its range.
    fn joins_range(&self, group: u8, variation: u8, index: u32) -> Option<Open> {
        let open = self.open?;
        let Qualifier::StartStop(width) = open.qualifier else { return None };
        ((open.group, open.variation) == (group, variation) && open.number.checked_add(1) == Some(index) && index <= width.max())
            .then_some(open)
    }

    fn open_range(&mut self, group: u8, variation: u8, index: u32, octets: &[u8], bits: u8) -> Result<(), Refused> {
        let width = self.width.at_least_for(index);
        let qualifier = Qualifier::StartStop(width);
        let number = index.to_le_bytes();
        let number = cut(&number, width.octets());
        let at = self.octets.len() + 3 + number.len();
        self.append(&[&[group, variation, qualifier.octet()], number, number, octets])?;
        self.open = Some(Open { group, variation, qualifier, at, number: index, bits });
        Ok(())
    }

    /// One more object in a header.
    fn raise(&mut self, mut open: Open, bits: u8) {
        open.number += 1;
        open.bits = bits;
        let width = match open.qualifier {
            Qualifier::StartStop(width) | Qualifier::Count(width) | Qualifier::Indexed(width) => width.octets(),
            Qualifier::All | Qualifier::FreeFormat => 0,
        };
        if let Some(octets) = self.octets.get_mut(open.at..open.at + width) {
            octets.copy_from_slice(cut(&open.number.to_le_bytes(), width));
        }
        self.open = Some(open);
    }

    /// All parts or none.
    fn append(&mut self, parts: &[&[u8]]) -> Result<(), Refused> {
        if parts.iter().map(|part| part.len()).sum::<usize>() > self.room() {
            return Err(Refused::Full);
        }
        for part in parts {
            self.octets.extend_from_slice(part);
        }
        Ok(())
    }
}

/// The low octets of a number.
fn cut(octets: &[u8; 4], width: usize) -> &[u8] {
    octets.split_at_checked(width).map_or(&octets[..], |(low, _)| low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_begun_as_a_response() {
        let mut writer = FragmentWriter::new(249);
        for function in [Function::Operate, Function::DirectOperate, Function::ColdRestart, Function::Write] {
            writer.begin_response(AppControl::single(0), function, Iin(0));
            assert_eq!(writer.octets()[1], Function::Response.code());
        }
    }
}
