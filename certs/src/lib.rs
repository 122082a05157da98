//! Serving certificates: from files with reload, or self-signed.
