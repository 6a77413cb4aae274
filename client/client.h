// The public header jangada/client.h under the house's older name, with record batches beside it.
#pragma once

#include "jangada/client.h"
#include "storage/record_batch.h"
