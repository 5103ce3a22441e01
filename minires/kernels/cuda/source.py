"""The CUDA sources: what the arrays' own module would need several launches for, in one each.

`real` is float or double, `mark` that of a position in a pooling window: `launch.text` defines both. Images
are in memory (C, H, W, N), images innermost, so that neighbouring threads read neighbouring numbers; inputs
may come in any order, described by their four strides in elements.

Every kernel gives the same bits in every run: no atomic additions, and sums go in a fixed order, in double
whatever `real` is (see `minires.sums`). Apart from `block_sum` no thread knows of another. Convolution and
pooling are in `source_windows`.
"""

from minires.kernels.cuda.source_windows import WINDOWS

THREADS = 256  # in a block; a power of two, for block_sum halves it
CHUNK = 4096  # elements of a parameter that one block updates
LARGEST_CHUNK_COUNT = 64  # parts of a channel that are summed apart

HEAD = r"""
#define THREADS 256

// The sum of every thread's value, the same for all; the block must have THREADS threads.
__device__ double block_sum(double value)
{
    __shared__ double partial[THREADS];
    __syncthreads();  // the previous sum has been read
    partial[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    return partial[0];
}
"""

REST = r"""
// -- batch norm: x as a matrix (C, L), a channel a line ----------------------------------------------------

// First sum: each block takes one chunk of one channel, its mean and its squared distances from that mean.
extern "C" __global__ void batch_moments(const real* x, real* means, real* squares, long long length)
{
    long long begin = length * blockIdx.x / gridDim.x, end = length * (blockIdx.x + 1) / gridDim.x;
    const real* line = x + blockIdx.y * length;
    double sum = 0, square = 0;
    for (long long i = begin + threadIdx.x; i < end; i += THREADS) sum += line[i];
    double mean = block_sum(sum) / (end - begin);
    for (long long i = begin + threadIdx.x; i < end; i += THREADS)
        square += (line[i] - mean) * (line[i] - mean);
    square = block_sum(square);
    if (threadIdx.x == 0) {
        means[blockIdx.y * gridDim.x + blockIdx.x] = mean;
        squares[blockIdx.y * gridDim.x + blockIdx.x] = square;
    }
}

// Second sum, over the chunks, and y = gamma * (x - mean) / std + beta. The variance of the whole is that
// inside the chunks plus that of their means (Chan, Golub & LeVeque 1979).
extern "C" __global__ void batch_norm_forward(
    const real* x, const real* means, const real* squares, const real* gamma, const real* beta, real eps,
    real* y, real* batch_mean, real* batch_var, real* inverse_std, long long length, int chunks)
{
    int c = blockIdx.y;
    double mean_sum = 0, square = 0;
    for (int k = 0; k < chunks; ++k) {
        double count = length * (k + 1) / chunks - length * k / chunks;
        mean_sum += means[c * chunks + k] * count;
    }
    double mean_of_all = mean_sum / length;
    real mean = mean_of_all;
    for (int k = 0; k < chunks; ++k) {
        double count = length * (k + 1) / chunks - length * k / chunks;
        double apart = means[c * chunks + k] - mean_of_all;
        square += squares[c * chunks + k] + count * apart * apart;
    }
    real var = square / length, inverse = 1 / sqrt(var + eps), scale = gamma[c] * inverse;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        batch_mean[c] = mean;
        batch_var[c] = var;
        inverse_std[c] = inverse;
    }
    for (long long i = (long long)blockIdx.x * THREADS + threadIdx.x; i < length;
         i += (long long)gridDim.x * THREADS)
        y[c * length + i] = (x[c * length + i] - mean) * scale + beta[c];
}

// The same line with given statistics.
extern "C" __global__ void fixed_norm_forward(
    const real* x, const real* mean, const real* var, const real* gamma, const real* beta, real eps,
    real* y, real* inverse_std, long long length)
{
    int c = blockIdx.y;
    real inverse = 1 / sqrt(var[c] + eps), scale = gamma[c] * inverse;
    if (blockIdx.x == 0 && threadIdx.x == 0) inverse_std[c] = inverse;
    for (long long i = (long long)blockIdx.x * THREADS + threadIdx.x; i < length;
         i += (long long)gridDim.x * THREADS)
        y[c * length + i] = (x[c * length + i] - mean[c]) * scale + beta[c];
}

// First sums of backward: of dy * x_hat and of dy, over each chunk.
extern "C" __global__ void norm_gradient_sums(
    const real* dy, const real* x, const real* mean, const real* inverse_std, real* with_x, real* alone,
    long long length)
{
    int c = blockIdx.y;
    long long begin = length * blockIdx.x / gridDim.x, end = length * (blockIdx.x + 1) / gridDim.x;
    double along_x = 0, along_1 = 0;
    for (long long i = c * length + begin + threadIdx.x; i < c * length + end; i += THREADS) {
        along_x += (double)dy[i] * (x[i] - mean[c]);
        along_1 += dy[i];
    }
    along_x = block_sum(along_x) * inverse_std[c];
    along_1 = block_sum(along_1);
    if (threadIdx.x == 0) {
        with_x[c * gridDim.x + blockIdx.x] = along_x;
        alone[c * gridDim.x + blockIdx.x] = along_1;
    }
}

// dx = gamma / std * (dy - part * sum(dy) - part * x_hat * sum(dy * x_hat)); part is 1 / L for the batch's
// own statistics, which move with x, and 0 for given ones.
extern "C" __global__ void norm_backward(
    const real* dy, const real* x, const real* mean, const real* inverse_std, const real* gamma,
    const real* with_x, const real* alone, real part, real* dx, real* dgamma, real* dbeta,
    long long length, int chunks)
{
    int c = blockIdx.y;
    double sum_x = 0, sum_1 = 0;
    for (int k = 0; k < chunks; ++k) {
        sum_x += with_x[c * chunks + k];
        sum_1 += alone[c * chunks + k];
    }
    real along_x = sum_x, along_1 = sum_1;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        dgamma[c] = along_x;
        dbeta[c] = along_1;
    }
    real scale = gamma[c] * inverse_std[c];
    for (long long i = (long long)blockIdx.x * THREADS + threadIdx.x; i < length;
         i += (long long)gridDim.x * THREADS) {
        real x_hat = (x[c * length + i] - mean[c]) * inverse_std[c];
        dx[c * length + i] = scale * (dy[c * length + i] - part * along_1 - part * x_hat * along_x);
    }
}

// running = momentum * running + (1 - momentum) * batch, for mean and (unbiased) variance at once.
extern "C" __global__ void update_running_averages(
    const real* mean, const real* var, real* running_mean, real* running_var, real momentum, real unbias,
    int channels)
{
    int c = blockIdx.x * THREADS + threadIdx.x;
    if (c >= channels) return;
    running_mean[c] = momentum * running_mean[c] + (1 - momentum) * mean[c];
    running_var[c] = momentum * running_var[c] + (1 - momentum) * unbias * var[c];
}

// -- one number in, one number out -------------------------------------------------------------------------

extern "C" __global__ void relu_backward(const real* y, const real* dy, real* dx, long long count)
{
    long long i = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (i < count) dx[i] = y[i] > 0 ? dy[i] : (real)0;
}

// -- loss: one block an image ------------------------------------------------------------------------------

// weights: one for each class, not read unless `weighted`.
extern "C" __global__ void softmax_cross_entropy(
    const real* logits, const long long* labels, real smoothing, int ignores, long long ignored,
    int weighted, const real* weights, real* probabilities, real* targets, real* losses, real* row_weights,
    int classes)
{
    const real* row = logits + (long long)blockIdx.x * classes;
    long long first = (long long)blockIdx.x * classes, label = labels[blockIdx.x];
    bool counts = !(ignores && label == ignored);
    real largest = row[0], sum = 0, loss = 0;
    int at = 0;
    for (int k = 1; k < classes; ++k)  // every thread for itself: a few numbers, all in the cache
        if (row[k] > largest || row[k] != row[k]) {
            largest = row[k];
            at = k;
        }
    for (int k = threadIdx.x; k < classes; k += THREADS) sum += exp(row[k] - largest) - (k == at);
    real log_sum = log1p(block_sum(sum));
    for (int k = threadIdx.x; k < classes; k += THREADS) {
        real log_probability = row[k] - largest - log_sum;
        real target = smoothing / classes + (k == label ? 1 - smoothing : (real)0);
        if (weighted) target *= weights[k];
        if (!counts) target = 0;
        probabilities[first + k] = exp(log_probability);
        targets[first + k] = target;
        if (target != 0) loss -= target * log_probability;
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) {
        losses[blockIdx.x] = loss;
        row_weights[blockIdx.x] = !counts ? (real)0 : weighted ? weights[label] : (real)1;
    }
}

// dlogits = p * (sum of the row's targets) - target; where p is above 1/2, so that the difference may have
// lost its digits, less what the row sums to, which should be 0.
extern "C" __global__ void softmax_cross_entropy_backward(
    const real* probabilities, const real* targets, real* dlogits, int classes)
{
    long long first = (long long)blockIdx.x * classes;
    real weight = 0, rest = 0;
    for (int k = threadIdx.x; k < classes; k += THREADS) weight += targets[first + k];
    weight = block_sum(weight);
    for (int k = threadIdx.x; k < classes; k += THREADS) {
        dlogits[first + k] = probabilities[first + k] * weight - targets[first + k];
        rest += dlogits[first + k];
    }
    rest = block_sum(rest);
    for (int k = threadIdx.x; k < classes; k += THREADS)
        if (probabilities[first + k] > (real)0.5) dlogits[first + k] -= rest;
}

// -- many arrays in one launch: each block has a row (addresses..., count) of a table ----------------------

// velocity = momentum * velocity + grad + decay * w;  w -= rate * velocity, see optim.SGD.
extern "C" __global__ void sgd_step(
    const unsigned long long* table, const real* decay_and_scale, const real* rate, real momentum,
    int nesterov)
{
    const unsigned long long* row = table + 4 * blockIdx.x;
    real* weight = (real*)row[0];
    const real* gradient = (const real*)row[1];
    real* velocity = (real*)row[2];
    real decay = decay_and_scale[2 * blockIdx.x], step = rate[0] * decay_and_scale[2 * blockIdx.x + 1];
    for (unsigned long long i = threadIdx.x; i < row[3]; i += THREADS) {
        real direction = decay == 0 ? gradient[i] : gradient[i] + decay * weight[i];
        if (velocity) {
            velocity[i] = momentum * velocity[i] + direction;
            direction = nesterov ? direction + momentum * velocity[i] : velocity[i];
        }
        weight[i] -= step * direction;
    }
}

extern "C" __global__ void fill_zero(const unsigned long long* table)
{
    real* array = (real*)table[2 * blockIdx.x];
    for (unsigned long long i = threadIdx.x; i < table[2 * blockIdx.x + 1]; i += THREADS) array[i] = 0;
}

// finite becomes 0 if one of the numbers is infinite or NaN; otherwise it stays what it is.
extern "C" __global__ void all_finite(const unsigned long long* table, unsigned char* finite)
{
    const real* array = (const real*)table[2 * blockIdx.x];
    for (unsigned long long i = threadIdx.x; i < table[2 * blockIdx.x + 1]; i += THREADS)
        if (array[i] - array[i] != 0) finite[0] = 0;  // all who write write the same
}
"""

SOURCE = HEAD + WINDOWS + REST
