use super::*;
use crate::evidence::tcg_event::Variable;
use crate::evidence::tcg_log::{EventLog, EventType};
use crate::limits::Limits;
use crate::testing::fixture;

const NUL: [u8; 2] = [0, 0];

/// A hard drive node: number, first block, size, GUID, format, type of signature.
fn hard_drive(number: u32, disk: u8, format: [u8; 2]) -> Vec<u8> {
    let mut node = vec![4, 1, 42, 0];
    node.extend(number.to_le_bytes());
    node.extend([disk; 32]);
    node.extend(format);
    node
}

fn file(name: &str) -> Vec<u8> {
    let text: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    [vec![4, 4], (text.len() as u16 + 4).to_le_bytes().to_vec(), text].concat()
}

const END_OF_ALL: [u8; 4] = [0x7f, 0xff, 4, 0];

fn option(path: &[Vec<u8>], optional_data: &[u8]) -> Vec<u8> {
    let path = path.concat();
    let mut option = vec![1, 0, 0, 0];
    option.extend((path.len() as u16).to_le_bytes());
    option.extend([b'd', 0]);
    option.extend(NUL);
    [option, path, optional_data.to_vec()].concat()
}

fn debian(number: u32, disk: u8, name: &str, data: &[u8]) -> Vec<u8> {
    option(&[hard_drive(number, disk, GPT_AND_GUID), file(name), END_OF_ALL.to_vec()], data)
}

#[test]
fn the_disk_is_free_and_nothing_else() {
    let good = option_without_disk(&debian(1, 0xaa, "\\shimx64.efi", b"")).unwrap();
    assert_eq!(option_without_disk(&debian(1, 0xbb, "\\shimx64.efi", b"")), Some(good.clone()));
    for lie in [
        debian(2, 0xaa, "\\shimx64.efi", b""),
        debian(1, 0xaa, "\\rescue.efi", b""),
        debian(1, 0xaa, "\\shimx64.efi", b"\\grubx64.efi"),
        option(&[file("\\shimx64.efi"), END_OF_ALL.to_vec()], b""),
    ] {
        assert_ne!(option_without_disk(&lie), Some(good.clone()));
        assert_ne!(option_without_disk(&lie), None);
    }
    let mut inactive = debian(1, 0xaa, "\\shimx64.efi", b"");
    inactive[0] = 0;
    assert_ne!(option_without_disk(&inactive), Some(good.clone()));
    let mut renamed = debian(1, 0xaa, "\\shimx64.efi", b"");
    renamed[6] = b'e';
    assert_ne!(option_without_disk(&renamed), Some(good));
}

/// An MBR has no GUID; its signature stays.
#[test]
fn other_formats_of_partitions_stay_exact() {
    let of = |disk| option(&[hard_drive(1, disk, [1, 1]), END_OF_ALL.to_vec()], b"");
    assert_ne!(option_without_disk(&of(0xaa)), option_without_disk(&of(0xbb)));
    assert_eq!(option_without_disk(&of(0xaa)), Some(of(0xaa)));
}

#[test]
fn a33_options_that_do_not_parse_to_the_last_byte() {
    let end = || END_OF_ALL.to_vec();
    let disk = || hard_drive(1, 0xaa, GPT_AND_GUID);
    let faults = [
        option(&[disk()], b""),
        option(&[end(), disk()], b""),
        option(&[disk(), vec![0x7f, 2, 4, 0], end()], b""),
        option(&[disk(), vec![4, 4, 3, 0], end()], b""),
        option(&[disk(), vec![4, 4, 200, 0], end()], b""),
        option(&[disk(), vec![0x7f, 0xff, 5, 0, 0]], b""),
        option(&[disk(), vec![0x7f, 1, 4, 0]], b""),
        option(&[vec![4, 1, 10, 0, 1, 0, 0, 0, 2, 2], end()], b""),
        option(&[disk(), vec![4]], b""),
        option(&[], b""),
        vec![1, 0, 0, 0, 4, 0, b'd', 0],
    ];
    for fault in faults {
        assert_eq!(option_without_disk(&fault), None, "{fault:02x?}");
    }
}

/// Real firmware adds a second path that names the option's origin.
#[test]
fn an_option_has_a_list_of_paths_each_with_its_instances() {
    for between in [vec![0x7f, 1, 4, 0], END_OF_ALL.to_vec()] {
        let paths = option(&[file("\\a"), between, file("\\b"), END_OF_ALL.to_vec()], b"data");
        assert_eq!(option_without_disk(&paths), Some(paths));
    }
}

#[test]
fn the_options_of_a_real_boot_name_no_gpt_partition_and_stay_as_they_are() {
    let bytes = fixture!("boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(bytes, &Limits::DEFAULT).unwrap();
    let variables = log.events().iter().filter(|e| e.event_type == EventType::EFI_VARIABLE_BOOT);
    let options: Vec<_> = variables
        .filter_map(|event| Variable::parse(event.data))
        .filter(Variable::is_boot_option)
        .map(|variable| (option_without_disk(variable.data), variable.data))
        .collect();
    assert_eq!(options.len(), 3);
    assert!(options.iter().all(|(option, data)| option.as_deref() == Some(*data)));
}
