//! Who gets in.

use std::net::Ipv4Addr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;

use super::*;

/// Somebody of this address.
async fn from(address: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

#[test]
fn nobody_has_no_share() {
    assert_eq!([1, 4, 7, 256, 4_096].map(quarter), [1, 1, 2, 64, 1_024]);
}

#[tokio::test]
async fn a53_one_address_does_not_take_every_place() {
    let (_stop, stop) = watch::channel(false);
    let patience = Duration::from_secs(600);
    let door = Door { tls: None, connections: 4, per_address: 2, patience, opening: 1, stop };
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), door).await.unwrap();
    let address = listener.address().unwrap();
    let mut connections = listener.connections();
    let (one, other) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    let in_time = async {
        let mut greedy = Vec::new();
        for _ in 0..8 {
            greedy.push(from(one, address).await);
        }
        let _late = from(other, address).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(connections.recv().await.unwrap().unwrap());
        }
        let of = |who: Ipv4Addr| held.iter().filter(|held| held.peer.address.ip() == who).count();
        assert_eq!((of(one), of(other)), (2, 1));
        // The others are shown out.
        for stream in &mut greedy[2..] {
            assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
        }
        // Who goes makes room.
        held.retain(|held| held.peer.address.ip() != one);
        let _again = from(one, address).await;
        let again = connections.recv().await.unwrap().unwrap();
        assert_eq!(again.peer.address.ip(), one);
    };
    timeout(Duration::from_secs(60), in_time).await.expect("held up");
}
