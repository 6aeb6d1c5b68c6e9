//! The CRC of the data link layer (clause 9.2.4.1.2): polynomial 0x3D65, least significant bit first, complemented, sent low octet first.
//!
//! Every octet of a link passes here once in each direction, in pieces of 8 and 16 octets. One look-up per octet would chain sixteen loads,
//! each waiting for the last; with eight tables a step takes eight octets whose loads do not wait for each other, so a block is two steps.
//! The tables are 4 KiB and stay in the first cache.

/// 0x3D65 with its bits reversed.
const POLYNOMIAL: u16 = 0xA6BC;

/// `TABLES[n][octet]`: the remainder of `octet` followed by `n` octets of zero.
static TABLES: [[u16; 256]; 8] = tables();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler: an index beyond does not compile"
)]
const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0_u16; 256]; 8];
    let mut octet = 0;
    while octet < 256 {
        let mut crc = octet as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][octet] = crc;
        octet += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut octet = 0;
        while octet < 256 {
            let before = tables[n - 1][octet];
            tables[n][octet] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            octet += 1;
        }
        n += 1;
    }
    tables
}

/// The CRC of `octets`, as a number; see [`octets`] for the order on the line.
#[inline]
pub(crate) fn of(octets: &[u8]) -> u16 {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    let (steps, rest) = octets.as_chunks::<8>();
    let mut crc = 0_u16;
    for &[a, b, c, d, e, f, g, h] in steps {
        let [low, high] = crc.to_le_bytes();
        // An octet indexes a table of 256: no bound is checked, none can be passed.
        crc = t7[usize::from(a ^ low)]
            ^ t6[usize::from(b ^ high)]
            ^ t5[usize::from(c)]
            ^ t4[usize::from(d)]
            ^ t3[usize::from(e)]
            ^ t2[usize::from(f)]
            ^ t1[usize::from(g)]
            ^ t0[usize::from(h)];
    }
    for &octet in rest {
        let [low, high] = crc.to_le_bytes();
        crc = u16::from(high) ^ t0[usize::from(octet ^ low)];
    }
    !crc
}

/// The CRC of `octets` as it stands on the line.
#[inline]
pub(crate) fn octets(octets: &[u8]) -> [u8; 2] {
    of(octets).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, as the standard draws it.
    fn slowly(octets: &[u8]) -> u16 {
        let mut crc = 0_u16;
        for octet in octets {
            for bit in 0..8 {
                let feedback = (crc ^ u16::from(octet >> bit)) & 1;
                crc = (crc >> 1) ^ (feedback * POLYNOMIAL);
            }
        }
        !crc
    }

    #[test]
    fn a2_r03_the_check_value() {
        assert_eq!(of(b"123456789"), 0xEA82);
        assert_eq!(POLYNOMIAL.reverse_bits(), 0x3D65);
        assert_eq!(of(&[]), 0xFFFF);
    }

    #[test]
    fn a2_r03_eight_octets_a_step_are_the_same_as_bit_by_bit() {
        let octets: Vec<u8> = (0..300_u32).map(|i| u8::try_from((i * i * 31 + i * 7) % 256).unwrap()).collect();
        for from in 0..8 {
            for to in from..octets.len() {
                assert_eq!(of(&octets[from..to]), slowly(&octets[from..to]), "{from}..{to}");
            }
        }
    }

    #[test]
    fn a2_r03_one_and_two_flipped_bits_of_a_block_are_always_seen() {
        let block: [u8; 16] = std::array::from_fn(|i| u8::try_from(i * 13 % 251).unwrap());
        let good = of(&block);
        let flip = |block: &mut [u8; 16], bit: usize| block[bit / 8] ^= 1 << (bit % 8);
        for first in 0..128 {
            let mut bad = block;
            flip(&mut bad, first);
            assert_ne!(of(&bad), good);
            for second in first + 1..128 {
                let mut worse = bad;
                flip(&mut worse, second);
                assert_ne!(of(&worse), good, "bits {first} and {second}");
            }
        }
    }
}
