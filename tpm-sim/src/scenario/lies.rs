//! What root does after a boot: one function per lie. `device` is the truth, `record` is what will be shown.

use crate::bank::{Bank, Digests};
use crate::boot::debian::Parts;
use crate::boot::event_type::{EV_EFI_ACTION, EV_IPL, EV_NO_ACTION, EV_SEPARATOR};
use crate::boot::{EventLog, ImaEntry, LogEntry, Measured, Measurement, Record, UserspaceRecord};
use crate::device::{Device, Error};

/// The banks of the simulated machines: firmware extends and logs both.
pub const BANKS: [Bank; 2] = [Bank::Sha1, Bank::Sha256];

pub(super) fn nothing(_: &mut Device, _: &mut Record) -> Result<(), Error> {
    Ok(())
}

/// systemd runs, measures its phases and its machine's id, and keeps its log.
pub(super) fn run_systemd(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    for (pcr, event_type, string) in [
        (11, "phase", "enter-initrd"),
        (11, "phase", "leave-initrd"),
        (15, "machine-id", "machine-id:0123456789abcdef0123456789abcdef"),
        (11, "phase", "ready"),
    ] {
        record.userspace.measure(device, &BANKS, pcr, event_type, string)?;
    }
    Ok(())
}

/// Root measures more into a PCR that is judged, and tells so in systemd's log.
pub(super) fn measure_and_tell(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    run_systemd(device, record)?;
    record.userspace.measure(device, &BANKS, 9, "phase", "one more")
}

/// Root measures more into a PCR of the firmware, and tells so in systemd's log as its separator.
pub(super) fn tell_in_firmware_pcr(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    run_systemd(device, record)?;
    record.userspace.measure(device, &BANKS, 4, "os-separator", "one more image")
}

/// systemd's log says that it extended PCR 10, beside an IMA list that leads there by itself.
pub(super) fn tell_of_ima_pcr(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    run_systemd(device, record)?;
    record.userspace.records.push(UserspaceRecord::new(&BANKS, 10, "phase", "ready"));
    Ok(())
}

/// Shows the log of a good boot, whatever booted.
pub(super) fn show_good_log(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    record.log.entries = good_entries();
    Ok(())
}

/// Keeps the true digests and shows the good boot's text beside them.
pub(super) fn show_good_text(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    for (entry, good) in record.log.entries.iter_mut().zip(good_entries()) {
        entry.data = good.data;
    }
    Ok(())
}

/// Cuts the initrd's event out of the log.
pub(super) fn remove_initrd_event(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    record.log.entries.retain(|entry| !is_initrd(entry));
    Ok(())
}

/// Swaps the initrd's event with the kernel file's before it, both in PCR 9.
pub(super) fn reorder_events(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let at = |start: &[u8]| {
        record.log.entries.iter().position(|entry| entry.pcr == 9 && entry.data.starts_with(start))
    };
    if let (Some(kernel), Some(initrd)) = (at(b"/vmlinuz"), at(b"/initrd.img")) {
        record.log.entries.swap(kernel, initrd);
    }
    Ok(())
}

/// Leaves the initrd's digest out of the log, in the bank that decides.
pub(super) fn drop_strong_digest(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    for entry in record.log.entries.iter_mut().filter(|entry| is_initrd(entry)) {
        entry.digests.remove(&Bank::Sha256);
    }
    Ok(())
}

/// Shows the log in the old format, with SHA-1 digests only.
pub(super) fn show_sha1_log(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    record.log.show_as_sha1();
    Ok(())
}

/// Claims that PCR 0 was started from locality 3.
pub(super) fn forge_startup_locality(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let data = [b"StartupLocality\0".as_slice(), &[3]].concat();
    let event = Measurement { pcr: 0, event_type: EV_NO_ACTION, data, measured: Measured::Nothing };
    record.log.entries.insert(0, event.entry(&BANKS));
    Ok(())
}

/// Relabels the initrd's event as one that is never extended.
pub(super) fn flip_initrd_event_type(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    for entry in record.log.entries.iter_mut().filter(|entry| is_initrd(entry)) {
        entry.event_type = EV_NO_ACTION;
    }
    Ok(())
}

/// Relabels the initrd's event as a mere action string: its digest is still what was extended.
pub(super) fn relabel_initrd_event(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    for entry in record.log.entries.iter_mut().filter(|entry| is_initrd(entry)) {
        entry.event_type = EV_EFI_ACTION;
    }
    Ok(())
}

pub(super) fn empty_log(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    // Not even a header: a file of no bytes, as it is seen in the field.
    record.log = EventLog::default();
    Ok(())
}

/// Extends a PCR and tells no log.
pub(super) fn extend_silently(device: &mut Device, _: &mut Record) -> Result<(), Error> {
    device.extend(9, &digests(b"something that no log mentions"))
}

/// Extends a digest that a good boot has as well, once more, and logs it truthfully.
pub(super) fn append_allowed_digest(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    let Some(initrd) = good_entries().into_iter().find(is_initrd) else { return Ok(()) };
    device.extend(initrd.pcr, &initrd.digests)?;
    record.log.entries.push(initrd);
    Ok(())
}

/// Adds a second separator to PCR 4 and an application after it, extended and logged.
pub(super) fn second_separator(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    for measurement in [
        Measurement::of_data(4, EV_SEPARATOR, [0; 4]),
        Measurement::of_content(4, EV_IPL, *b"tool\0", *b"a tool that was started later"),
    ] {
        let entry = measurement.entry(&BANKS);
        device.extend(entry.pcr, &entry.digests)?;
        record.log.entries.push(entry);
    }
    Ok(())
}

/// Measures an implant and shows another file in its place.
pub(super) fn rewrite_ima_entry(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    let entry = ImaEntry::file("/tmp/implant", b"an implant");
    device.extend(entry.pcr, &entry.digests(&BANKS))?;
    record.ima.push(ImaEntry::file("/usr/bin/true", b"content of /usr/bin/true"));
    Ok(())
}

/// The entries of an honest, good boot.
pub(super) fn good_entries() -> Vec<LogEntry> {
    Parts::new().boot(&BANKS).measurements.iter().map(|measurement| measurement.entry(&BANKS)).collect()
}

pub(super) fn is_initrd(entry: &LogEntry) -> bool {
    entry.pcr == 9 && entry.data.starts_with(b"/initrd.img")
}

fn digests(content: &[u8]) -> Digests {
    BANKS.iter().map(|&bank| (bank, bank.hash(&[content]))).collect()
}
