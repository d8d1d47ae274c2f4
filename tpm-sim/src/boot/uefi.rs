//! The UEFI structures that event data is made of.

/// EFI_GLOBAL_VARIABLE, as its bytes lie in memory.
pub(super) const GLOBAL_VARIABLE: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
/// EFI_IMAGE_SECURITY_DATABASE.
pub(super) const SECURITY_DATABASE: [u8; 16] =
    [0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f];
/// shim's own variables.
pub(super) const SHIM_LOCK: [u8; 16] =
    [0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23];
/// The EFI system partition's type.
const EFI_SYSTEM_PARTITION: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xc9, 0x3e, 0xc9, 0x3b, 0x4b];

/// UEFI_VARIABLE_DATA: GUID, length of the name in characters, length of the data, name in UTF-16 without a NUL, data.
pub(super) fn variable(guid: [u8; 16], name: &str, data: &[u8]) -> Vec<u8> {
    let mut out = guid.to_vec();
    out.extend(size(name.encode_utf16().count()));
    out.extend(size(data.len()));
    out.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    out.extend(data);
    out
}

/// UEFI_IMAGE_LOAD_EVENT: where the image was loaded, its length, its link address, its device path.
pub(super) fn image_load(address: u64, length: u64, device_path: &[u8]) -> Vec<u8> {
    let mut out = address.to_le_bytes().to_vec();
    out.extend(length.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(size(device_path.len()));
    out.extend(device_path);
    out
}

/// UEFI_PLATFORM_FIRMWARE_BLOB: address and length only.
pub(super) fn firmware_blob(base: u64, length: u64) -> Vec<u8> {
    [base.to_le_bytes(), length.to_le_bytes()].concat()
}

/// A device path of one file path node and the end node.
pub(super) fn file_path(path: &str) -> Vec<u8> {
    let name: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    // MEDIA_DEVICE_PATH (4), file path (4), length with the four bytes of the node's header.
    let length = u16::try_from(name.len() + 4).unwrap_or(u16::MAX);
    let mut out = vec![4, 4];
    out.extend(length.to_le_bytes());
    out.extend(name);
    out.extend([0x7f, 0xff, 0x04, 0x00]);
    out
}

/// EFI_LOAD_OPTION: attributes, length of the path list, description, path list.
pub(super) fn load_option(attributes: u32, description: &str, device_path: &[u8]) -> Vec<u8> {
    let mut out = attributes.to_le_bytes().to_vec();
    out.extend(u16::try_from(device_path.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(description.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    out.extend(device_path);
    out
}

/// UEFI_GPT_DATA: the table header, the number of partitions, then each entry: here one EFI system partition.
pub(super) fn gpt(disk: [u8; 16], partition: [u8; 16]) -> Vec<u8> {
    let mut out = b"EFI PART".to_vec();
    out.extend(0x0001_0000_u32.to_le_bytes());
    out.extend(92_u32.to_le_bytes());
    // CRC of the header, which nobody here checks, and four reserved bytes.
    out.extend([0xfd, 0x36, 0xaf, 0x0d, 0, 0, 0, 0]);
    for lba in [1_u64, 524_287, 2048, 524_254] {
        out.extend(lba.to_le_bytes());
    }
    out.extend(disk);
    out.extend(2_u64.to_le_bytes());
    out.extend(128_u32.to_le_bytes());
    out.extend(128_u32.to_le_bytes());
    out.extend([0x68, 0xc8, 0xdb, 0x13]);
    out.extend(1_u64.to_le_bytes());
    out.extend(EFI_SYSTEM_PARTITION);
    out.extend(partition);
    for lba in [2048_u64, 522_239, 0] {
        out.extend(lba.to_le_bytes());
    }
    let mut name: Vec<u8> = "ESP".encode_utf16().flat_map(u16::to_le_bytes).collect();
    name.resize(72, 0);
    out.extend(name);
    out
}

fn size(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes()
}
