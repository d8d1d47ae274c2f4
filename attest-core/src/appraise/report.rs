//! The differences between one golden sequence and one PCR, as reasons, as causes and side by side.

use super::align::{Edit, align};
use super::boot::{Boot, Judge, log_of, superseded};
use super::comparison::{Builder, Comparison, FirstDifference, Relation, Row, Side, sides};
use super::difference::{Difference, Hint, Kind, attribute};
use super::finding::{Cause, Code, Explanation, Part, Reason, Severity};
use super::judged::Judged;
use super::roots::{differs_in_path_alone, is_other_order, is_root};
use super::sequence::{self, Basis};
use super::words;
use crate::authenticate::AuthenticEvidence;
use crate::digest::HashAlg;
use crate::evidence::{Extend, Told};
use crate::limits::Limits;
use crate::reference::golden::{Sequence, Slot};

/// Where an event without slot stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its slot is another one of the sequence, which is empty.
    Other,
    /// After everything golden.
    Tail,
    /// Before or between golden events.
    Within,
}

/// A sequence that is compared, and by which bank it is shown.
struct Against<'s> {
    golden: &'s Sequence,
    bank: HashAlg,
}

impl<'e, 'a> Judge<'_, 'e, 'a> {
    /// Reports every difference between a golden sequence and what was extended.
    pub(super) fn compare(&mut self, golden: &Sequence, name: &str, judged: &Judged<'e, 'a>) {
        let Some(bank) =
            judged.by.strongest().filter(|_| !sequence::matches(golden, &judged.events, &judged.by))
        else {
            return;
        };
        let against = Against { golden, bank };
        let events = sequence::accountable(golden, &judged.events, &judged.by);
        let edits = align(&golden.slots, &events, &judged.by, &|event| self.name(event));
        let last_golden = edits.iter().rposition(|edit| !matches!(edit, Edit::Extra(_)));
        let missing: Vec<&Slot> = edits
            .iter()
            .filter_map(|edit| if let Edit::Missing(slot) = edit { Some(*slot) } else { None })
            .collect();
        let extra =
            edits.iter().filter_map(|edit| if let Edit::Extra(event) = edit { Some(*event) } else { None });
        let extra: Vec<Extend<'_, '_>> = extra.take(Limits::DEFAULT.findings).collect();
        let positions = self.positions(&edits);
        let mut rows_left = self.boot.rows_left;
        let mut rows = Builder::new(&mut rows_left);
        let (mut listed, mut more) = (0_usize, 0_usize);
        for (at, (edit, position)) in edits.iter().zip(positions).enumerate() {
            // An event that is the golden one has the golden name.
            if let Edit::Same(slot, _) = edit {
                rows.push(self.row(edit, bank, &slot.component, None));
                continue;
            }
            if listed == Limits::DEFAULT.findings {
                more = more.saturating_add(1);
                continue;
            }
            listed = listed.saturating_add(1);
            let place = match edit {
                Edit::Extra(event)
                    if missing.iter().any(|s| sequence::slot_matches(s, *event, &judged.by)) =>
                {
                    Place::Other
                }
                Edit::Missing(slot) if extra.iter().any(|e| sequence::slot_matches(slot, *e, &judged.by)) => {
                    Place::Other
                }
                _ if last_golden.is_none_or(|last| at > last) => Place::Tail,
                _ => Place::Within,
            };
            let index = self.report(*edit, position, place, &against, judged);
            let name = edit.event().map(|event| self.name(event)).unwrap_or_default();
            rows.push(self.row(edit, bank, &name, index));
        }
        let (rows, omitted) = rows.finish();
        self.boot.rows_left = rows_left;
        self.boot.comparison.push(Comparison {
            pcr: judged.pcr.into(),
            bank: bank.name(),
            golden: name.to_owned(),
            proven: judged.proven,
            rows,
            omitted: omitted.saturating_add(more),
        });
        if more > 0 && judged.proven {
            let explain = format!("PCR {} has {more} more differences, which are not listed", judged.pcr);
            let reason = Reason::new(Code::EventUnexpected, Severity::Refuse, Part::Boot, explain);
            self.boot.reasons.push(Reason { pcr: Some(judged.pcr.into()), ..reason });
        }
    }

    fn firmware_events(&self) -> u32 {
        let events = self.evidence.log().map_or(0, |log| log.events().len());
        u32::try_from(events).unwrap_or(u32::MAX)
    }

    /// Where an extend stands in the whole story: the records of user space's log are behind the firmware's events.
    pub(super) fn position(&self, event: Extend<'_, '_>) -> u32 {
        match event.told() {
            Told::ByFirmware => event.index(),
            Told::ByUserspace => self.firmware_events().saturating_add(event.index()),
        }
    }

    /// For each edit the index of its event, or of the next event of the PCR, or the log's end.
    fn positions(&self, edits: &[Edit<'_, 'e, 'a>]) -> Vec<u32> {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let records = count(self.evidence.userspace().map_or(0, |log| log.records().len()));
        let mut next = self.firmware_events().saturating_add(records);
        let mut positions: Vec<u32> = edits
            .iter()
            .rev()
            .map(|edit| {
                next = edit.event().map_or(next, |event| self.position(event));
                next
            })
            .collect();
        positions.reverse();
        positions
    }

    fn row(&self, edit: &Edit<'_, 'e, 'a>, bank: HashAlg, name: &str, difference: Option<usize>) -> Row {
        let (golden, device) = sides(edit, bank, name);
        let relation = match edit {
            Edit::Same(..) => Relation::Same,
            Edit::Changed(..) => Relation::Changed,
            Edit::Missing(_) => Relation::Missing,
            Edit::Extra(_) => Relation::Extra,
        };
        Row { relation, count: 1, golden, device, cause: None, follows: false, difference }
    }

    /// Adds a difference and, where the PCR is proven, its reason; returns the difference's index.
    fn report(
        &mut self,
        edit: Edit<'_, 'e, 'a>,
        position: u32,
        place: Place,
        against: &Against<'_>,
        judged: &Judged<'e, 'a>,
    ) -> Option<usize> {
        let (slot, event, bank) = (edit.slot(), edit.event(), against.bank);
        let name = slot.map(|slot| slot.component.clone());
        let name = name.or_else(|| event.map(|event| self.name(event))).unwrap_or_default();
        let superseded = event.and_then(|event| superseded(self.references, event, &judged.by.banks));
        let code = code(edit, place, superseded.is_some(), against.golden, &judged.by);
        let kind = match edit {
            Edit::Missing(_) => Kind::Missing,
            Edit::Extra(_) => Kind::Extra,
            Edit::Same(..) | Edit::Changed(..) => Kind::Changed,
        };
        let shown = event.map(|event| self.name(event)).unwrap_or_default();
        let (expected, got) = sides(&edit, bank, &shown);
        let hint = event.map_or(Hint::None, |event| words::hint(&name, event, bank, superseded.is_some()));
        let hint = refined(hint, &name, kind, place, against.golden, (expected.as_ref(), got.as_ref()));
        let (index, log) = (event.map(|event| event.index()), event.and_then(log_of));
        // A log that was cut lacks what the boot had; only what it has more says something of the boot.
        if judged.proven || kind != Kind::Missing {
            self.boot.differences.push(Difference {
                event: index,
                log,
                position,
                hint,
                told: !judged.proven,
                expected,
                got,
                ..Difference::new(kind, judged.pcr.into(), name.clone())
            });
        }
        if judged.proven {
            let mut explain =
                words::difference(code, &name, judged.pcr, slot, event.map(|e| (e, bank)), superseded);
            if let (Some(slot), Some(event)) = (slot, event) {
                explain.push_str(&words::departure(slot, judged.by.departure(slot, event).as_deref()));
            }
            let got = event.and_then(|event| event.typed_digest(bank));
            let is_strange =
                matches!(code, Code::GoldenMismatch | Code::EventUnexpected | Code::EventAppended);
            let elsewhere = got.filter(|_| is_strange).and_then(|digest| self.elsewhere(&digest));
            if let Some(place) = elsewhere {
                explain.push_str(&words::golden_elsewhere(place));
            }
            let explanation = elsewhere.map(|_| Explanation::GoldenElsewhere);
            let digest = |slot: &Slot| slot.digest(bank).map(ToString::to_string);
            self.boot.reasons.push(Reason {
                component: Some(name),
                bank: Some(bank.name()),
                pcr: Some(judged.pcr.into()),
                event: index,
                log,
                expected: slot.and_then(digest).into_iter().collect(),
                got: got.map(|digest| digest.to_string()),
                explanation,
                ..Reason::new(code, Severity::Refuse, Part::Boot, explain)
            });
        }
        (judged.proven || kind != Kind::Missing).then(|| self.boot.differences.len().saturating_sub(1))
    }

    /// Gives every reason and row that is a difference the cause it is attributed to.
    pub(super) fn finish(mut self) -> Boot {
        let causes = attribute(&self.boot.differences);
        let differences = &self.boot.differences;
        let of = |reason: &Reason| -> Option<Cause> {
            let matches = |d: &Difference| {
                Some(d.pcr) == reason.pcr
                    && (d.event, d.log) == (reason.event, reason.log)
                    && Some(&d.component) == reason.component.as_ref()
            };
            let at = differences.iter().position(matches)?;
            causes.get(at).copied()
        };
        let found: Vec<Option<Cause>> = self.boot.reasons.iter().map(of).collect();
        for (reason, cause) in self.boot.reasons.iter_mut().zip(found) {
            reason.cause = cause;
        }
        let roots = is_root(differences, &causes);
        for row in self.boot.comparison.iter_mut().flat_map(|comparison| &mut comparison.rows) {
            let Some(at) = row.difference else { continue };
            row.cause = causes.get(at).copied();
            row.follows = !roots.get(at).copied().unwrap_or(true);
        }
        self.boot
    }
}

/// What the place and both sides add to the event's own words.
fn refined(
    hint: Hint,
    name: &str,
    kind: Kind,
    place: Place,
    golden: &Sequence,
    sides: (Option<&Side>, Option<&Side>),
) -> Hint {
    let volumes = || golden.slots.iter().filter(|slot| slot.component == "firmware.code").count();
    let changed = if let (Some(golden), Some(device)) = sides { Some((golden, device)) } else { None };
    match (name, changed) {
        _ if matches!(
            hint,
            Hint::Superseded | Hint::SecureBootOff | Hint::SetupMode | Hint::ValidationOff
        ) =>
        {
            hint
        }
        _ if place == Place::Other => Hint::Reordered,
        ("secure_boot.state", _) if kind != Kind::Changed => Hint::None,
        ("firmware.code", _) if volumes() <= 1 => Hint::SingleVolume,
        ("grub.kernel_cmdline", Some((golden, device))) if differs_in_path_alone(golden, device) => {
            Hint::KernelPath
        }
        ("boot.order", Some((golden, device))) if is_other_order(golden, device) => Hint::Order,
        // The firmware's own applications are in its volumes and have no path.
        ("boot.entry", _)
            if [sides.0, sides.1].into_iter().flatten().any(|side| side.about.contains('\\')) =>
        {
            Hint::EntryOfFile
        }
        _ => hint,
    }
}

fn code(edit: Edit<'_, '_, '_>, place: Place, superseded: bool, golden: &Sequence, by: &Basis) -> Code {
    match edit {
        _ if superseded => Code::Superseded,
        Edit::Same(..) | Edit::Changed(..) => Code::GoldenMismatch,
        Edit::Missing(_) => Code::EventMissing,
        Edit::Extra(_) if place == Place::Other => Code::EventReordered,
        Edit::Extra(event) if golden.slots.iter().any(|s| sequence::slot_matches(s, event, by)) => {
            Code::EventRepeated
        }
        Edit::Extra(_) if place == Place::Tail => Code::EventAppended,
        Edit::Extra(_) => Code::EventUnexpected,
    }
}

/// The first of the differences, in the order of the log: the firmware's events, then the records of user space.
pub(super) fn first_difference(
    differences: &[Difference],
    causes: &[Cause],
    evidence: &AuthenticEvidence<'_>,
) -> Option<FirstDifference> {
    let found = differences.iter().zip(causes).filter(|(d, _)| d.expected.is_some() || d.got.is_some());
    let (first, cause) = found.min_by_key(|(d, _)| (d.told, d.position, d.event.is_some()))?;
    let events = evidence.log().map_or(0, |log| log.events().len());
    let records = evidence.userspace().map_or(0, |log| log.records().len());
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let at_end = first.position == count(events.saturating_add(records));
    // Where nothing follows, the register's own log has ended: user space is the last to extend what it extends at all.
    let is_record = match u8::try_from(first.pcr) {
        Ok(pcr) if at_end => evidence.userspace().is_some_and(|log| log.extends(pcr).next().is_some()),
        _ => first.position >= count(events),
    };
    let (position, log) = match (is_record, at_end) {
        (true, _) => (first.position.saturating_sub(count(events)), Some("userspace")),
        (false, true) => (count(events), None),
        (false, false) => (first.position, None),
    };
    Some(FirstDifference {
        pcr: first.pcr,
        event: first.event,
        position,
        log,
        at_end,
        relation: match first.kind {
            Kind::Changed => Relation::Changed,
            Kind::Missing => Relation::Missing,
            Kind::Extra => Relation::Extra,
        },
        component: first.component.clone(),
        expected: first.expected.clone(),
        got: first.got.clone(),
        cause: Some(*cause),
    })
}
