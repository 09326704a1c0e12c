#include "analysis/budgets.h"

#include <fmt/format.h>

#include "agreement/spelling.h"

namespace holdfast::analysis {

using namespace agreement;

namespace {

constexpr double kMillionths = 1e6;

/// That a calendar year meets at most: of a leap year, whose first and last week lie partly in others.
std::uint32_t windows_a_year(Limit::Window window) {
  switch (window) {
    case Limit::Window::hour:
      return 366 * 24;
    case Limit::Window::day:
      return 366;
    case Limit::Window::week:
      return 54;
    case Limit::Window::month:
      return 12;
    case Limit::Window::year:
      break;
  }
  return 1;
}

}  // namespace

std::vector<Budgets> find_budgets(const Reach& reach) {
  const Plan& plan = *reach.plan;
  std::vector<Budgets> out;
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    Budgets budgets{static_cast<PartyIndex>(i), {}, 0, 0};
    if (budgets.party == plan.trustee()) continue;
    for (std::size_t f = 0; f < plan.flows.size(); ++f) {
      const Flow& flow = plan.flows[f];
      if (!flow.aggregate || !reach.spread.distance(flow.to, budgets.party)) continue;
      budgets.flows.push_back(static_cast<FlowIndex>(f));
      const std::uint32_t windows = windows_a_year(flow.aggregate->per);
      budgets.epsilon += static_cast<double>(flow.aggregate->epsilon_micro) / kMillionths * windows;
      budgets.delta += flow.aggregate->delta * windows;
    }
    if (!budgets.flows.empty()) out.push_back(std::move(budgets));
  }
  return out;
}

std::string describe_budgets(const Reach& reach, const Budgets& budgets) {
  const Plan& plan = *reach.plan;
  std::string parts;
  for (const FlowIndex index : budgets.flows) {
    const Flow& flow = plan.flows[index];
    parts += fmt::format("{}epsilon {} a {} by flow '{}' (line {})", parts.empty() ? "" : ", ", flow.aggregate->epsilon,
                         to_string(flow.aggregate->per), flow.name, flow.line);
  }
  return fmt::format("over a year, sums tell '{}' of any one subject at most epsilon {:.6g} and delta {:.3g}: {}",
                     plan.parties[budgets.party].name, budgets.epsilon, budgets.delta, parts);
}

}  // namespace holdfast::analysis
