//! Generated gRPC interface.
