//! tpm-sim
