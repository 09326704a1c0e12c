#pragma once

#include <cstdint>
#include <span>

namespace holdfast::sealed::worker {

/// Makes `memory`, whole pages of private memory, read as zeros again. Pages that a run touched stay in place and are
/// overwritten, which costs a tenth of having the kernel take them back and give new ones; the others, and all of them
/// when they are many, go back. False when that could not be done.
bool set_to_zero(std::span<std::uint8_t> memory);

}  // namespace holdfast::sealed::worker
