//! TPM 2.0 structures.

/// TPMS_CLOCK_INFO (TPM 2.0 Part 2, 10.11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds the TPM has been powered.
    pub clock: u64,
    /// TPM resets since the last clear.
    pub reset_count: u32,
    /// Restarts and resumes since the last reset.
    pub restart_count: u32,
    /// False when the clock may have gone back.
    pub safe: bool,
}
