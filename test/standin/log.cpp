#include "log.h"

#include <atomic>
#include <cstdio>

#include "settings.h"

namespace roi::standin {

namespace {

std::atomic<uint64_t> launches, blocks, findings;

/// A line in the log for this process, when it ends.
struct AtExit {
  ~AtExit() {
    if (launches + findings == 0 || settings().log.empty()) return;
    std::FILE* const file = std::fopen(settings().log.c_str(), "a");
    if (!file) return;
    std::fprintf(file, "{\"launches\": %llu, \"blocks\": %llu, \"findings\": %llu, \"seed\": %llu}\n",
                 static_cast<unsigned long long>(launches), static_cast<unsigned long long>(blocks),
                 static_cast<unsigned long long>(findings), static_cast<unsigned long long>(settings().seed));
    std::fclose(file);
  }
} at_exit;

}  // namespace

void report(const std::string& finding) {
  findings++;
  std::fprintf(stderr, "cuda (stand-in): %s; ROI_STANDIN_SEED=%llu\n", finding.c_str(),
               static_cast<unsigned long long>(settings().seed));
}

void count_launch(uint64_t count) {
  launches++;
  blocks += count;
}

uint64_t count_of(const std::string& what) {
  if (what == "launches") return launches;
  if (what == "blocks") return blocks;
  if (what == "findings") return findings;
  return 0;
}

}  // namespace roi::standin
