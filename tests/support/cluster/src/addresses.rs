//! Loopback addresses that no other cluster on this machine uses.
//!
//! The cluster IP of a Service is a loopback address, so that the API server reaches the process behind it without a
//! kube-proxy.

use anyhow::{Result, bail};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The first address of 127.96.0.0/12, which is divided into blocks.
const FIRST: u32 = u32::from_be_bytes([127, 96, 0, 0]);

/// The number of addresses in a block: the lower half for Services, the upper half for the control plane.
const BLOCK: u32 = 512;

/// The number of blocks.
const BLOCKS: u32 = (1 << 20) / BLOCK;

/// The port that claims a block: a process owns the block if it listens on this port of the block's last address.
const CLAIM: u16 = 20_201;

/// A block of addresses. Dropping the value frees it.
#[derive(Debug)]
pub struct Addresses {
    first: u32,
    _claim: TcpListener,
}

// === impl Addresses ===

impl Addresses {
    /// Claims the first free block.
    pub fn claim() -> Result<Self> {
        for block in 0..BLOCKS {
            let first = FIRST + block * BLOCK;
            match TcpListener::bind((Ipv4Addr::from(first + BLOCK - 2), CLAIM)) {
                Ok(claim) => return Ok(Self { first, _claim: claim }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => {
                    bail!("can't listen on 127.96.0.0/12, where the cluster's Services would be: {error}")
                }
            }
        }
        bail!("port {CLAIM} is in use on every address of 127.96.0.0/12")
    }

    /// The range of the cluster IPs, in CIDR notation.
    pub fn services(&self) -> String {
        format!("{}/24", Ipv4Addr::from(self.first))
    }

    /// The cluster IP of the Service `kubernetes`.
    pub fn kubernetes(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + 1)
    }

    /// The address that the control plane listens on.
    pub fn plane(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + BLOCK / 2 + 1)
    }

    /// Returns an address of the control plane with a free port. No other process binds to the address, so the port
    /// stays free.
    pub fn free(&self) -> Result<SocketAddr> {
        Ok(TcpListener::bind((self.plane(), 0))?.local_addr()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clusters_share_no_address() -> Result<()> {
        let (one, other) = (Addresses::claim()?, Addresses::claim()?);
        assert_ne!(one.services(), other.services());
        assert_ne!(one.plane(), other.plane());
        Ok(())
    }

    #[test]
    fn the_control_plane_is_outside_the_range_of_the_services() -> Result<()> {
        let addresses = Addresses::claim()?;
        let (services, plane) = (addresses.kubernetes().octets(), addresses.plane().octets());
        assert_ne!(services[..3], plane[..3]);
        Ok(())
    }
}
