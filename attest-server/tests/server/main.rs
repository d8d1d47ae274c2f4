//! The server as clients see it: in this process, over real sockets.

mod causes;
mod enrollment;
mod harness;
mod incremental;
mod lease;
mod limits;
mod overlays;
mod restart;
mod soft_tpm;
mod tls;
mod tokens;
mod verification;
