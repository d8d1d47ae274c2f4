//! The server as clients see it: in this process, over real sockets.

mod causes;
mod copies;
mod enrollment;
mod harness;
mod incremental;
mod lease;
mod limits;
mod monitor;
mod offline;
mod organisation;
mod overlays;
mod releases;
mod restart;
mod soft_tpm;
mod tls;
mod tokens;
mod verification;
