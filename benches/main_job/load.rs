//! What is run: a task that does nothing, with arguments of 100 bytes that look like a mail's.

use celeriac::task;

/// Does nothing.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn noop(payload: String) {
    std::hint::black_box(payload);
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// 100 bytes that differ from call to call: half of it text, half of it hexadecimal digits nobody can guess, so that
/// compression saves about what it does with addresses and names.
pub(crate) fn payload(n: u64) -> String {
    let mut text = String::with_capacity(100);
    text.push_str("{\"template\":\"spring-sale\",\"list\":\"customers\",\"key\":");
    let mut state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while text.len() < 100 {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(char::from(HEX[(state >> 60) as usize]));
        text.push(char::from(HEX[(state >> 40) as usize & 15]));
    }
    text.truncate(100);
    text
}
