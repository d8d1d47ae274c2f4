use super::*;
use crate::evidence::tcg_log::{EventLog, EventType};
use crate::limits::Limits;
use crate::testing::fixture;

fn measured() -> Vec<u8> {
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let event = log.events().iter().find(|e| e.event_type == EventType::EFI_GPT_EVENT).unwrap();
    event.data.to_vec()
}

/// The table with a header whose checksum is right again.
fn sealed(mut table: Vec<u8>) -> Vec<u8> {
    let checksum = crc32_of_header(table.first_chunk().unwrap());
    table[16..20].copy_from_slice(&checksum.to_le_bytes());
    table
}

fn edit(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut table = measured();
    table[at..at + bytes.len()].copy_from_slice(bytes);
    sealed(table)
}

/// Where the first entry begins: after the header and the count.
const FIRST: usize = 100;

#[test]
fn a_real_table_is_read_and_its_guids_and_blocks_do_not_matter() {
    let table = measured();
    let uses = partition_uses(&table).unwrap();
    assert_eq!(uses.len(), 1);
    assert_eq!(uses[0].to_string(), "c12a7328-f81f-11d2-ba4b-00c93ec93b4b 0000000000000000 ESP");
    assert_eq!(uses[0].to_string().parse(), Ok(uses[0].clone()));
    assert_eq!(partition_uses(&edit(56, &[7; 16])), Some(uses.clone()), "the disk's GUID");
    assert_eq!(partition_uses(&edit(FIRST + 16, &[7; 16])), Some(uses.clone()), "the partition's GUID");
    assert_eq!(partition_uses(&edit(FIRST + 32, &3000_u64.to_le_bytes())), Some(uses), "its first block");
}

#[test]
fn a_partition_of_one_block_in_a_table_of_no_free_entry() {
    let table = measured();
    let uses = partition_uses(&table);
    let last: [u8; 8] = table[FIRST + 40..FIRST + 48].try_into().unwrap();
    assert_eq!(partition_uses(&edit(FIRST + 32, &last)), uses);
    let after = u64::from_le_bytes(last) + 1;
    assert_eq!(partition_uses(&edit(FIRST + 32, &after.to_le_bytes())), None);
    assert_eq!(partition_uses(&edit(80, &1_u32.to_le_bytes())), uses, "NumberOfPartitionEntries");
}

#[test]
fn types_attributes_and_names_matter() {
    let uses = partition_uses(&measured());
    for lie in [edit(FIRST, &[7; 16]), edit(FIRST + 48, &[1]), edit(FIRST + 56, b"F")] {
        let got = partition_uses(&lie);
        assert!(got.is_some() && got != uses, "{got:?}");
    }
}

#[test]
fn a33_tables_that_are_not_sound_to_the_last_byte() {
    let mut unsealed = measured();
    unsealed[16] ^= 1;
    let mut longer = measured();
    longer.push(0);
    let mut shorter = measured();
    shorter.pop();
    let faults = [
        ("checksum", unsealed),
        ("trailing byte", longer),
        ("cut", shorter),
        ("signature", edit(0, b"EFI PARX")),
        ("revision", edit(8, &[0, 0, 2, 0])),
        ("header size", edit(12, &[93])),
        ("reserved", edit(20, &[1])),
        ("own block", edit(24, &[2])),
        ("more partitions than entries", edit(80, &[0, 0, 0, 0])),
        ("unused type", edit(FIRST, &[0; 16])),
        ("ends before it begins", edit(FIRST + 32, &u32::MAX.to_le_bytes())),
        ("outside the usable area", edit(FIRST + 40, &u64::MAX.to_le_bytes())),
        ("before the usable area", edit(FIRST + 32, &[1, 0])),
        ("bytes behind the name's end", edit(FIRST + 56 + 70, &[1])),
    ];
    for (fault, table) in faults {
        assert_eq!(partition_uses(&table), None, "{fault}");
    }
}

#[test]
fn larger_entries_hold_nothing_behind_the_first_128_bytes() {
    let large = |last: u8| {
        let mut table = measured();
        table[84] = 136;
        table.extend([0, 0, 0, 0, 0, 0, 0, last]);
        partition_uses(&sealed(table))
    };
    assert_eq!(large(0), partition_uses(&measured()));
    assert_eq!(large(1), None);
}

#[test]
fn a_partition_is_written_in_one_way() {
    let kind = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    for fault in
        [kind.to_owned(), format!("{kind} 0"), format!("{kind} 0 ESP"), format!("{kind} 00000000000000AB x")]
    {
        assert_eq!(fault.parse::<PartitionUse>(), Err(NotAGuid), "{fault}");
    }
    let named = format!("{kind} 0000000000000001 a name of words");
    assert_eq!(named.parse::<PartitionUse>().unwrap().to_string(), named);
}
