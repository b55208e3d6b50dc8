//! aws-chunked: any body, in pieces of any size.
#![no_main]

use enishi_wire::aws_chunked::{Decoder, Piece};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((size, body)) = data.split_first() else { return };
    let mut decoder = Decoder::new(None);
    for mut piece in body.chunks(usize::from(*size).max(1)) {
        while !piece.is_empty() {
            let taken = match decoder.next(piece) {
                Ok(Piece::Data(bytes) | Piece::Framing(bytes)) => bytes,
                Err(_) => return,
            };
            // Every step goes on, and never behind the end.
            assert!(taken > 0);
            piece = &piece[taken..];
        }
    }
    let _ = decoder.finish();
});
