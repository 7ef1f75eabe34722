#pragma once

#include "../../native/cuda/driver.h"

// The driver's results that only the stand-in names.

namespace roi::standin {

using cuda::Status;

constexpr Status kInvalidValue = 1, kNotInitialized = 3, kInvalidDevice = 101, kInvalidImage = 200,
                 kInvalidContext = 201, kMapFailed = 205, kInvalidHandle = 400, kNotFound = 500,
                 kIllegalAddress = 700, kLaunchOutOfResources = 701, kContextIsDestroyed = 709,
                 kMisalignedAddress = 716, kLaunchFailed = 719, kCaptureUnsupported = 900,
                 kCaptureInvalidated = 901, kIllegalState = 401, kCapturedEvent = 907;

}  // namespace roi::standin
