//! TCG event logs: crypto-agile, SHA-1 and CCEL (TCG PC Client Platform Firmware Profile; UEFI, Confidential Computing).
//!
//! Parsing borrows: one `Vec` of events, nothing allocated for each. A log is a claim by whoever controls the device;
//! what it is worth shows when its replay equals quoted PCRs, and then only its digests are proven.

#[cfg(test)]
pub(crate) mod build;
mod error;
mod event;
mod finding;
mod header;
mod inspect;
mod pieces;

#[cfg(test)]
mod tests;

pub use error::{Error, ErrorKind};
pub use event::{Digests, Event, EventType};
pub use finding::{Finding, FindingKind};
pub use header::{SIGNATURE, SpecId};

use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reader::{Reader, len32};
use error::truncated;

/// PCRs of a PC client TPM (TCG PC Client Platform TPM Profile).
pub const PCRS: u32 = 24;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Crypto-agile over the measurement registers of a confidential virtual machine; registers are 1 to 4.
    Ccel,
    /// Crypto-agile: any banks, named by the header.
    CryptoAgile,
    /// The older format: one SHA-1 digest in each event.
    Sha1,
}

impl Format {
    /// As JSON and people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ccel => "ccel",
            Self::CryptoAgile => "crypto-agile",
            Self::Sha1 => "sha1",
        }
    }
}

/// A well-formed event log, not believed.
#[derive(Clone, Debug)]
pub struct EventLog<'a> {
    format: Format,
    banks: Vec<HashAlg>,
    events: Vec<Event<'a>>,
    spec_id: Option<SpecId<'a>>,
    padding: usize,
    inspected: inspect::Inspected,
}

impl<'a> EventLog<'a> {
    /// Parses a whole log, padding at its end included.
    ///
    /// # Errors
    /// [`Error`] with code, offset and event when the bytes are no log within the limits.
    pub fn parse(input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (len, most) = (input.len(), limits.event_log_bytes);
        if len > most {
            return Err(ErrorKind::TooLarge { len, most }.at(0, 0));
        }
        // Real events take some 300 bytes, so this is the only allocation for most logs.
        let events = Vec::with_capacity(padding_from(input).min(1 << 18) / 256);
        let mut parser = Parser { limits, events, spec_id: None, padding: 0 };
        let mut pieces = 1;
        match pieces::split(input, limits) {
            None => parser.log(input, 0)?,
            Some(logs) => {
                pieces = logs.len();
                logs.into_iter().try_for_each(|piece| parser.log(piece.bytes, piece.offset))?;
            }
        }
        Ok(parser.finish(pieces))
    }

    /// How the log is written.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The banks that the header names, of known algorithms, in its order.
    #[must_use]
    pub fn banks(&self) -> &[HashAlg] {
        &self.banks
    }

    /// All events, the header first. Padding is no event.
    #[must_use]
    pub fn events(&self) -> &[Event<'a>] {
        &self.events
    }

    /// What the header of a crypto-agile log says.
    #[must_use]
    pub const fn spec_id(&self) -> Option<&SpecId<'a>> {
        self.spec_id.as_ref()
    }

    /// Bytes of padding at the end.
    #[must_use]
    pub const fn padding(&self) -> usize {
        self.padding
    }

    /// The locality of TPM2_Startup that the log tells, if it tells a valid one in its place.
    #[must_use]
    pub const fn startup_locality(&self) -> Option<u8> {
        self.inspected.startup_locality
    }

    /// What is odd or wrong, in the order of the events; what concerns no single event comes last.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.inspected.findings
    }
}

/// Fewer bytes at the end than these are a cut event, not padding: register and type of an event that is none.
const LEAST_PADDING: usize = 8;

struct Parser<'a, 'l> {
    limits: &'l Limits,
    events: Vec<Event<'a>>,
    spec_id: Option<SpecId<'a>>,
    padding: usize,
}

impl<'a> Parser<'a, '_> {
    /// One log, which begins at `offset` of the input.
    fn log(&mut self, bytes: &'a [u8], offset: usize) -> Result<(), Error> {
        let mut reader = Reader::at(bytes, offset);
        let padding_from = offset.saturating_add(padding_from(bytes));
        let is_padding =
            |reader: &Reader<'_>| reader.offset() >= padding_from && reader.rest().len() >= LEAST_PADDING;
        if reader.is_empty() {
            return Err(ErrorKind::Empty.at(offset, self.next_index()));
        }
        if is_padding(&reader) {
            let byte = bytes.first().copied().unwrap_or_default();
            return Err(ErrorKind::OnlyPadding { len: bytes.len(), byte }.at(offset, self.next_index()));
        }
        let table = self.header(&mut reader)?;
        while !reader.is_empty() && !is_padding(&reader) {
            self.event(&mut reader, table)?;
        }
        self.padding = self.padding.saturating_add(reader.rest().len());
        Ok(())
    }

    /// The first event, in the SHA-1 format in every log, and the header's table if it is a Spec ID event.
    fn header(&mut self, reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Error> {
        let first = self.events.is_empty();
        let event = self.event(reader, None)?;
        let data_at = reader.offset().saturating_sub(event.data.len());
        let spec_id = match event.data.strip_prefix(SIGNATURE) {
            Some(rest) => {
                if event.event_type != EventType::NO_ACTION {
                    let kind = ErrorKind::HeaderType { event_type: event.event_type.0 };
                    return Err(kind.at(event.offset, event.index));
                }
                if event.pcr > 1 {
                    return Err(ErrorKind::HeaderPcr { pcr: event.pcr }.at(event.offset, event.index));
                }
                let fields = Reader::at(rest, data_at.saturating_add(SIGNATURE.len()));
                Some(SpecId::parse(fields, event.index, self.limits)?)
            }
            None => None,
        };
        let table = spec_id.map(|spec_id| spec_id.table);
        if first {
            self.spec_id = spec_id;
        } else if table != self.spec_id.map(|first| first.table) {
            return Err(ErrorKind::PiecesDiffer.at(event.offset, event.index));
        }
        Ok(table)
    }

    fn event(&mut self, reader: &mut Reader<'a>, table: Option<&'a [u8]>) -> Result<Event<'a>, Error> {
        let (index, offset) = (self.next_index(), reader.offset());
        if self.events.len() >= self.limits.event_log_events {
            return Err(ErrorKind::TooManyEvents { most: self.limits.event_log_events }.at(offset, index));
        }
        let short = |short| truncated(short, index);
        let pcr = reader.u32_le().map_err(short)?;
        let event_type = EventType(reader.u32_le().map_err(short)?);
        let list = match table {
            None => reader.bytes(HashAlg::Sha1.size()).map_err(short)?,
            Some(table) => digests(reader, table, index)?,
        };
        let size = reader.u32_le().map_err(short)?;
        let data = reader.bytes(len32(size)).map_err(short)?;
        let event = Event { index, offset, pcr, event_type, data, digests: Digests { list, table } };
        self.events.push(event);
        Ok(event)
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.events.len()).unwrap_or(u32::MAX)
    }

    /// Whether nothing is extended but the registers that CCEL logs number: 0 to 4 (UEFI 2.10, 38.4.1). Every boot on a TPM extends PCR 7.
    fn fits_measurement_registers(&self) -> bool {
        self.events
            .iter()
            .filter(|event| event.is_extended())
            .all(|event| event.pcr < inspect::CCEL_REGISTERS)
    }

    fn finish(self, pieces: usize) -> EventLog<'a> {
        let banks: Vec<_> = match &self.spec_id {
            Some(spec_id) => spec_id.banks().collect(),
            None => vec![HashAlg::Sha1],
        };
        let in_register_1 =
            self.spec_id.is_some() && self.events.first().is_some_and(|header| header.pcr == 1);
        let format = if self.spec_id.is_none() {
            Format::Sha1
        } else if in_register_1
            || (banks == [HashAlg::Sha384] && self.padding > 0 && self.fits_measurement_registers())
        {
            Format::Ccel
        } else {
            Format::CryptoAgile
        };
        let mut log = EventLog {
            format,
            banks,
            events: self.events,
            spec_id: self.spec_id,
            padding: self.padding,
            inspected: inspect::Inspected::default(),
        };
        log.inspected = inspect::inspect(&log, pieces, self.limits);
        log
    }
}

/// The list of an event's digests, checked against the header's table.
fn digests<'a>(reader: &mut Reader<'a>, table: &[u8], event: u32) -> Result<&'a [u8], Error> {
    let short = |short| truncated(short, event);
    let at = reader.offset();
    let (count, most) = (reader.u32_le().map_err(short)?, table.len() / 4);
    if len32(count) > most {
        return Err(ErrorKind::DigestCount { count, most }.at(at, event));
    }
    if let Some(list) = in_order(reader.rest(), table).filter(|_| len32(count) == most) {
        return reader.bytes(list.len()).map_err(short);
    }
    let (all, from) = (reader.rest(), reader.offset());
    let mut seen = Rows::default();
    for _ in 0..count {
        let at = reader.offset();
        let id = reader.u16_le().map_err(short)?;
        let Some((row, size)) = header::position_in(table, id) else {
            return Err(ErrorKind::DigestAlgorithm { id }.at(at, event));
        };
        if !seen.insert(row) {
            return Err(ErrorKind::DigestRepeated { id }.at(at, event));
        }
        reader.bytes(size).map_err(short)?;
    }
    let len = reader.offset().saturating_sub(from);
    Ok(all.get(..len).unwrap_or_default())
}

/// The list at the start of `bytes` if it has a digest for each row of the header's table, in its order: as firmware writes it.
fn in_order<'a>(bytes: &'a [u8], table: &[u8]) -> Option<&'a [u8]> {
    let mut rest = bytes;
    for (id, size) in header::entries(table) {
        let (got, after) = rest.split_first_chunk::<2>()?;
        if u16::from_le_bytes(*got) != id {
            return None;
        }
        rest = after.get(usize::from(size)..)?;
    }
    bytes.get(..bytes.len().checked_sub(rest.len())?)
}

/// The rows of a header's table that an event has used. Rows beyond the 64th count as used: no limit allows so many.
#[derive(Default)]
struct Rows(u64);

impl Rows {
    fn insert(&mut self, row: usize) -> bool {
        let bit = u32::try_from(row).ok().and_then(|row| 1_u64.checked_shl(row)).unwrap_or(0);
        let fresh = self.0 & bit == 0 && bit != 0;
        self.0 |= bit;
        fresh
    }
}

/// Where the padding at the end can begin at the earliest: the last run of equal bytes 0x00 or 0xFF.
fn padding_from(bytes: &[u8]) -> usize {
    let Some(filler) = bytes.last().filter(|last| matches!(last, 0x00 | 0xff)) else {
        return bytes.len();
    };
    bytes.iter().rposition(|byte| byte != filler).map_or(0, |last| last.saturating_add(1))
}
