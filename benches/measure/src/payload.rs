//! Arguments of calls.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// This many bytes that differ from call to call: half of them text, half unpredictable hexadecimal digits, so that
/// they compress about as well as addresses and names.
pub fn payload(n: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while text.len() < bytes {
        text.push_str("{\"template\":\"spring-sale\",\"list\":\"customers\",\"key\":");
        let until = text.len() + 50;
        while text.len() < until {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(char::from(HEX[(state >> 60) as usize]));
            text.push(char::from(HEX[(state >> 40) as usize & 15]));
        }
    }
    text.truncate(bytes);
    text
}
