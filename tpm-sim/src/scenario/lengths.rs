//! Devices that lie about lengths, counts and places in their logs: what a reader that believes them would read beyond, pass over, or read as
//! something else. Each hides something: an implanted initrd, or an implant that IMA measured.

use super::lies::BANKS;
use super::table::{refused, scenario};
use super::{Expected, Scenario};
use crate::boot::debian::Parts;
use crate::boot::{EventPlaces, ImaEntry, ImaPlaces, Record};
use crate::device::{Device, Error};

/// The number of algorithms in the log's header: behind TCG_PCR_EVENT of 32 bytes, signature, platform class, versions and size of UINTN.
const ALGORITHM_COUNT: usize = 32 + 24;
/// The size of the digests of the second algorithm, SHA-256: behind the count, the first one's identifier and size, its own identifier.
const SHA256_SIZE: usize = ALGORITHM_COUNT + 4 + 4 + 2;
/// The size of the vendor's information, the header's last byte.
const VENDOR_SIZE: usize = SHA256_SIZE + 2;

type Lie = fn(&mut Device, &mut Record) -> Result<(), Error>;

/// A lie about the event log of a boot with an implanted initrd.
const fn of_log(name: &'static str, about: &'static str, lie: Lie, expected: Expected) -> Scenario {
    Scenario { parts: Parts::with_implant, afterwards: lie, ..scenario(name, about, expected) }
}

/// A lie about the IMA list of a good boot, after an implant was started.
const fn of_list(name: &'static str, about: &'static str, lie: Lie, expected: Expected) -> Scenario {
    Scenario { afterwards: lie, ..scenario(name, about, expected) }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    of_log(
        "log-data-beyond-end",
        "says that the implanted initrd's event has 4 GB of data",
        |_, record| log_number(record, |initrd| initrd.data_size, u32::MAX),
        refused(&["truncated"]),
    ),
    of_log(
        "log-data-swallows-event",
        "says that the event before the implanted initrd's has so much data that it reaches behind it",
        swallow_initrd,
        refused(&["replay_mismatch"]),
    ),
    of_log(
        "log-data-too-short",
        "says that the implanted initrd's event has no data, so that its name is read as an event",
        |_, record| log_number(record, |initrd| initrd.data_size, 0),
        refused(&["digest_count"]),
    ),
    of_log(
        "log-event-in-data",
        "hides the implanted initrd's event in the data of the one before it, and shows a good one behind it",
        swallow_initrd_and_show_another,
        refused(&["replay_mismatch"]),
    ),
    of_log(
        "log-digests-beyond-end",
        "says that the implanted initrd's event has 4 G digests",
        |_, record| log_number(record, |initrd| initrd.digest_count, u32::MAX),
        refused(&["digest_count"]),
    ),
    of_log(
        "log-digest-too-many",
        "says that the implanted initrd's event has a digest more, so that its data are read as one",
        |_, record| log_number(record, |initrd| initrd.digest_count, 3),
        refused(&["digest_count"]),
    ),
    of_log(
        "log-digest-too-few",
        "says that the implanted initrd's event has a digest less, so that one is read as data",
        |_, record| log_number(record, |initrd| initrd.digest_count, 1),
        refused(&["truncated"]),
    ),
    of_log(
        "log-pcr-beyond-tpm",
        "says that the implanted initrd went into PCR 265, which a reader of one byte takes for PCR 9",
        |_, record| log_number(record, |initrd| initrd.pcr, 256 + 9),
        refused(&["replay_mismatch"]),
    ),
    of_log(
        "log-header-algorithms",
        "says that the log has digests of 4 G algorithms",
        |_, record| log_bytes(record, ALGORITHM_COUNT, &u32::MAX.to_le_bytes()),
        refused(&["algorithm_count"]),
    ),
    of_log(
        "log-header-digest-size",
        "says that digests of SHA-256 have 20 bytes",
        |_, record| log_bytes(record, SHA256_SIZE, &20_u16.to_le_bytes()),
        refused(&["algorithm_size"]),
    ),
    of_log(
        "log-header-vendor",
        "says that the log's header has 255 more bytes, which are in the events behind it",
        |_, record| log_bytes(record, VENDOR_SIZE, &[255]),
        refused(&["truncated"]),
    ),
    of_log(
        "log-cut-in-event",
        "shows a log that ends in the implanted initrd's event",
        cut_in_initrd,
        refused(&["truncated"]),
    ),
    of_log(
        "log-cut-and-padded",
        "shows a log that ends before the implanted initrd's event, filled up as firmware fills it",
        pad_from_initrd,
        refused(&["replay_mismatch"]),
    ),
    of_log(
        "log-twice",
        "shows the log of a good boot and, behind it, its own",
        good_log_before,
        refused(&["replay_mismatch"]),
    ),
    of_log("log-too-long", "shows a log of 5 MB", too_long, refused(&["log_too_large"])),
    of_list(
        "ima-data-beyond-end",
        "says that the implant's entry has 4 GB of data",
        |device, record| list_number(device, record, |implant| implant.data_size, u32::MAX),
        refused(&["truncated"]),
    ),
    of_list(
        "ima-name-beyond-end",
        "says that the implant's template has a name of 4 GB",
        |device, record| list_number(device, record, |implant| implant.name_size, u32::MAX),
        refused(&["template_name"]),
    ),
    of_list(
        "ima-data-swallows-entry",
        "says that the entry before the implant's has so much data that it reaches behind it",
        swallow_implant,
        refused(&["template_fields"]),
    ),
    of_list(
        "ima-path-cut",
        "says that the implant's path is shorter: /usr/bin/true",
        shorten_path,
        refused(&["kexec_or_lost_list"]),
    ),
    of_list(
        "ima-cut-in-entry",
        "shows a list that ends in the implant's entry",
        cut_in_implant,
        refused(&["truncated"]),
    ),
    of_list(
        "userspace-cut-in-record",
        "shows a log of user space that ends in its last record",
        cut_in_record,
        refused(&["userspace_log_record_cut_short"]),
    ),
];

fn initrd(record: &Record) -> Option<usize> {
    record.log.entries.iter().position(super::lies::is_initrd)
}

/// Shows other bytes at a place of the log.
fn log_bytes(record: &mut Record, at: usize, bytes: &[u8]) -> Result<(), Error> {
    let mut log = record.log.bytes();
    put(&mut log, at, bytes);
    record.log.show(log);
    Ok(())
}

/// Shows another number in the initrd's event.
fn log_number(record: &mut Record, place: impl Fn(&EventPlaces) -> usize, number: u32) -> Result<(), Error> {
    let places = record.log.places();
    let Some(initrd) = initrd(record).and_then(|at| places.get(at)) else { return Ok(()) };
    log_bytes(record, place(initrd), &number.to_le_bytes())
}

fn swallow_initrd(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let (places, at) = (record.log.places(), initrd(record).unwrap_or_default());
    let [Some(before), Some(initrd)] = [at.checked_sub(1).and_then(|at| places.get(at)), places.get(at)]
    else {
        return Ok(());
    };
    log_bytes(record, before.data_size, &distance(before.data_size + 4, initrd.end))
}

/// The log of a good boot, but for an event with more data than it should have: the implanted initrd's event.
fn swallow_initrd_and_show_another(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    let good = super::lies::good_entries().into_iter().find(super::lies::is_initrd);
    let (Some(at), Some(good)) = (initrd(record), good) else { return Ok(()) };
    record.log.entries.insert(at + 1, good);
    swallow_initrd(device, record)
}

fn cut_in_initrd(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let places = record.log.places();
    let Some(initrd) = initrd(record).and_then(|at| places.get(at)) else { return Ok(()) };
    let mut log = record.log.bytes();
    log.truncate(initrd.data_size + 6);
    record.log.show(log);
    Ok(())
}

fn pad_from_initrd(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let places = record.log.places();
    let Some(initrd) = initrd(record).and_then(|at| places.get(at)) else { return Ok(()) };
    let mut log = record.log.bytes();
    if let Some(rest) = log.get_mut(initrd.pcr..) {
        rest.fill(0xff);
    }
    record.log.show(log);
    Ok(())
}

fn good_log_before(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let own = record.log.bytes();
    record.log.entries = super::lies::good_entries();
    let good = record.log.bytes();
    record.log.show([good, own].concat());
    Ok(())
}

fn too_long(_: &mut Device, record: &mut Record) -> Result<(), Error> {
    let mut log = record.log.bytes();
    log.resize(5 << 20, 0xff);
    record.log.show(log);
    Ok(())
}

/// Runs an implant, which IMA measures; where its entry stands.
fn run_implant(device: &mut Device, record: &mut Record) -> Result<Vec<ImaPlaces>, Error> {
    let entry = ImaEntry::file("/usr/bin/true.implant", b"an implant");
    device.extend(entry.pcr, &entry.digests(&BANKS))?;
    record.ima.push(entry);
    Ok(record.ima.places())
}

fn list_bytes(record: &mut Record, at: usize, bytes: &[u8]) -> Result<(), Error> {
    let mut list = record.ima.bytes();
    put(&mut list, at, bytes);
    record.ima.show(list);
    Ok(())
}

/// Shows another number in the implant's entry.
fn list_number(
    device: &mut Device,
    record: &mut Record,
    place: impl Fn(&ImaPlaces) -> usize,
    number: u32,
) -> Result<(), Error> {
    let places = run_implant(device, record)?;
    let Some(implant) = places.last() else { return Ok(()) };
    list_bytes(record, place(implant), &number.to_le_bytes())
}

fn swallow_implant(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    let places = run_implant(device, record)?;
    let [.., before, implant] = places.as_slice() else { return Ok(()) };
    list_bytes(record, before.data_size, &distance(before.data_size + 4, implant.end))
}

fn shorten_path(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    let places = run_implant(device, record)?;
    let Some(implant) = places.last() else { return Ok(()) };
    let (cut, path) = (".implant".len(), "/usr/bin/true.implant\0".len());
    let data = [implant.end - implant.data_size - 4 - cut, path - cut].map(|size| distance(0, size));
    let mut list = record.ima.bytes();
    put(&mut list, implant.data_size, &data[0]);
    put(&mut list, implant.end - path - 4, &data[1]);
    list.truncate(implant.end - cut - 1);
    list.push(0);
    record.ima.show(list);
    Ok(())
}

fn cut_in_implant(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    run_implant(device, record)?;
    let mut list = record.ima.bytes();
    list.truncate(list.len().saturating_sub(9));
    record.ima.show(list);
    Ok(())
}

fn cut_in_record(device: &mut Device, record: &mut Record) -> Result<(), Error> {
    super::lies::run_systemd(device, record)?;
    let mut log = record.userspace.bytes().unwrap_or_default();
    log.truncate(log.len().saturating_sub(20));
    record.userspace.show(log);
    Ok(())
}

/// A length as logs write it.
fn distance(from: usize, to: usize) -> [u8; 4] {
    u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX).to_le_bytes()
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + new.len()) {
        place.copy_from_slice(new);
    }
}
