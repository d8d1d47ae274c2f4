//! The comparison on a screen: 80 columns, aligned, and harmless.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use attest_core::appraise::Cause;

use super::*;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown(print: impl Fn(&mut Output)) -> String {
    let screen = Screen::default();
    let mut out = Output::to_writer(false, Box::new(screen.clone()));
    print(&mut out);
    drop(out);
    let bytes = screen.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

fn side(event: Option<u32>, component: &str, about: &str) -> Option<Side> {
    Some(Side {
        event,
        log: None,
        component: component.into(),
        digest: "0123456789abcdef".repeat(4),
        about: about.into(),
    })
}

fn row(relation: Relation, golden: Option<Side>, device: Option<Side>, follows: bool) -> Row {
    let mut row: Row = Row::folded(1);
    row.relation = relation;
    (row.golden, row.device, row.follows) = (golden, device, follows);
    row.cause = Some(Cause::KernelCmdlineChanged);
    row
}

#[test]
fn rows_stand_under_each_other_and_what_follows_is_folded() {
    let rows = vec![
        Row::folded(7),
        row(Relation::Same, side(None, "grub.command", ""), side(Some(36), "grub.command", ""), false),
        row(Relation::Changed, side(None, "grub.command", ""), side(Some(37), "grub.command", ""), true),
        row(Relation::Missing, side(None, "grub.file", ""), None, true),
        row(
            Relation::Changed,
            side(None, "grub.kernel_cmdline", ""),
            side(Some(41), "grub.kernel_cmdline", ""),
            false,
        ),
        row(Relation::Extra, None, side(Some(1234), "a name much too long for its column", ""), false),
    ];
    let comparison =
        Comparison { pcr: 8, bank: "sha256", golden: "base".into(), proven: true, rows, omitted: 3 };
    let text = shown(|out| print(std::slice::from_ref(&comparison), out));
    let expected = "
PCR 8  golden base                    | this device
      7 the same
    grub.command           0123456789 |   36 grub.command           0123456789
  . follows from kernel_cmdline_changed: grub.command (37), grub.file missing
  ~ grub.kernel_cmdline    0123456789 |   41 grub.kernel_cmdline    0123456789
  +                                   | 1234 a name much too long ~ 0123456789
    3 more differences, which are not listed
";
    assert_eq!(text, expected);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

/// Texts of a log may try to move the cursor or to turn the reading direction.
#[test]
fn texts_of_a_log_stay_text() {
    let evil = "\x1b[2J\r\u{202e}affirming";
    let comparison = Comparison {
        pcr: 8,
        bank: "sha256",
        golden: evil.into(),
        proven: false,
        rows: vec![row(Relation::Changed, side(None, evil, evil), side(Some(1), evil, evil), false)],
        omitted: 0,
    };
    let difference = FirstDifference {
        pcr: 8,
        event: Some(1),
        position: 1,
        log: None,
        at_end: false,
        relation: Relation::Changed,
        component: evil.into(),
        expected: side(None, evil, evil),
        got: side(Some(1), evil, evil),
        cause: None,
    };
    let text = shown(|out| {
        print(std::slice::from_ref(&comparison), out);
        first(&difference, out);
    });
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'));
    assert!(text.contains("not proven"));
}

#[test]
fn the_first_difference_says_what_was_expected_there() {
    let missing = FirstDifference {
        pcr: 2,
        event: None,
        position: 17,
        log: None,
        at_end: false,
        relation: Relation::Missing,
        component: "option_rom".into(),
        expected: side(None, "option_rom", "PciRoot(0x0)/Pci(0x3,0x0)"),
        got: None,
        cause: Some(Cause::OptionRomChange),
    };
    let text = shown(|out| first(&missing, out));
    assert_eq!(
        text,
        "
First differs at PCR 2, option_rom, missing before event 17
  golden PciRoot(0x0)/Pci(0x3,0x0)
  device nothing there
"
    );
}

#[test]
fn sides_that_say_the_same_are_told_apart_by_their_digests() {
    let mut other = side(Some(9), "grub.file", "/grub.cfg").expect("a side");
    other.digest = "fedc".repeat(16);
    let difference = FirstDifference {
        pcr: 9,
        event: Some(9),
        position: 9,
        log: None,
        at_end: false,
        relation: Relation::Changed,
        component: "grub.file".into(),
        expected: side(None, "grub.file", "/grub.cfg"),
        got: Some(other),
        cause: None,
    };
    let text = shown(|out| first(&difference, out));
    assert!(text.contains("golden 0123456789  /grub.cfg\n  device fedcfedcfe  /grub.cfg\n"), "{text}");
}

/// The firmware's log and the other one both begin at 0.
#[test]
fn records_of_the_userspace_log_are_numbered_apart() {
    let mut record = side(Some(0), "userspace.phase", "sysinit").expect("a side");
    record.log = Some("userspace");
    let difference = FirstDifference {
        pcr: 11,
        event: Some(0),
        position: 0,
        log: Some("userspace"),
        at_end: false,
        relation: Relation::Extra,
        component: "userspace.phase".into(),
        expected: None,
        got: Some(record.clone()),
        cause: None,
    };
    let comparison = Comparison {
        pcr: 11,
        bank: "sha256",
        golden: "a".into(),
        proven: true,
        rows: vec![row(Relation::Extra, None, Some(record), false)],
        omitted: 0,
    };
    let text = shown(|out| {
        first(&difference, out);
        print(std::slice::from_ref(&comparison), out);
    });
    assert!(text.contains("First differs at record 0 of the userspace log, PCR 11"), "{text}");
    assert!(text.contains("|   u0 userspace.phase") && text.contains("u0: record 0 of"), "{text}");
}
