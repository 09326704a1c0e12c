#pragma once

#include <span>
#include <string>
#include <string_view>

namespace holdfast {

/// Of `known`, up to three names near to `word` (optimal string alignment distance, letters of either case being the same), nearest first, as a hint
/// to append to an error: "; did you mean 'a' or 'b'?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace holdfast
