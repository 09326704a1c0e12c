#include "sealed/run.h"

namespace holdfast::sealed {
namespace {

constexpr std::string_view kEndingNames[ring::kEndings] = {
    "finished", "trapped", "recursed too deep", "ran out of time", "wrote more than it may", "refused by the engine"};
constexpr std::string_view kTrapNames[ring::kTraps] = {"none",
                                                       "unreachable",
                                                       "out of bounds",
                                                       "integer overflow",
                                                       "division by zero",
                                                       "invalid conversion",
                                                       "bad indirect call",
                                                       "other"};

}  // namespace

std::string Answer::text() const {
  std::string out(kEndingNames[static_cast<std::size_t>(ending)]);
  if (ending == Ending::trapped) out.append(": ").append(kTrapNames[static_cast<std::size_t>(trap)]);
  if (ending == Ending::finished && exit_code != 0) out.append(" with exit code ").append(std::to_string(exit_code));
  return out;
}

}  // namespace holdfast::sealed
