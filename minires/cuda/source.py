"""The CUDA sources: what the arrays' own module would need several launches for, in one each.

`real` is float or double, `mark` the type of a pool's winners: `kernels.text` defines both. Images are in
memory (C, H, W, N), images innermost, so that neighbouring threads read neighbouring numbers; inputs may come
in any order, described by their four strides in elements.

Every kernel gives the same bits in every run: no atomic additions, and sums go in a fixed order. Apart from
`block_sum` no thread knows of another.
"""

THREADS = 256  # in a block; a power of two, for block_sum halves it
CHUNK = 4096  # elements of a parameter that one block updates
LARGEST_CHUNK_COUNT = 64  # parts of a channel that are summed apart

SOURCE = r"""
#define THREADS 256

// The sum of every thread's value, the same for all; the block must have THREADS threads.
__device__ real block_sum(real value)
{
    __shared__ real partial[THREADS];
    __syncthreads();  // the previous sum has been read
    partial[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    return partial[0];
}

// -- convolution -------------------------------------------------------------------------------------------

// columns (C*KH*KW, OH*OW*N): row (c, kh, kw) holds the pixel that each window has there, 0 in the padding.
extern "C" __global__ void im2col(
    const real* x, real* columns, int rows, int images, int height, int width, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w,
    long long along_n, long long along_c, long long along_h, long long along_w)
{
    unsigned int length = (unsigned int)out_height * out_width * images;
    unsigned int column = blockIdx.x * THREADS + threadIdx.x;
    if (column >= length) return;
    int n = column % images, ow = column / images % out_width, oh = column / images / out_width;
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        int kw = row % kernel_w, kh = row / kernel_w % kernel_h, c = row / kernel_w / kernel_h;
        int h = oh * stride_h + kh - pad_h, w = ow * stride_w + kw - pad_w;
        bool inside = h >= 0 && h < height && w >= 0 && w < width;
        columns[(long long)row * length + column] =
            inside ? x[n * along_n + c * along_c + h * along_h + w * along_w] : (real)0;
    }
}

// dx (C, H, W, N): each pixel adds up the columns that it stands in. It looks for them; nobody writes into
// another's pixel. Pixel h is row kh of the window that starts at h + pad - kh (counted in the padded image),
// if that is a multiple of the stride.
extern "C" __global__ void col2im(
    const real* columns, real* dx, int channels, int images, int height, int width, int out_height,
    int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w)
{
    unsigned int pixels = (unsigned int)height * width * images;
    long long length = (long long)out_height * out_width * images;
    unsigned int pixel = blockIdx.x * THREADS + threadIdx.x;
    if (pixel >= pixels) return;
    int n = pixel % images, w = pixel / images % width, h = pixel / images / width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh) {
            int down = h + pad_h - kh;
            if (down < 0 || down % stride_h || down / stride_h >= out_height) continue;
            for (int kw = 0; kw < kernel_w; ++kw) {
                int across = w + pad_w - kw;
                if (across < 0 || across % stride_w || across / stride_w >= out_width) continue;
                long long row = ((long long)c * kernel_h + kh) * kernel_w + kw;
                long long window = (long long)(down / stride_h) * out_width + across / stride_w;
                sum += columns[row * length + window * images + n];
            }
        }
        dx[(long long)c * pixels + pixel] = sum;
    }
}

// -- batch norm: x as a matrix (C, L), a channel a line ----------------------------------------------------

// First sum: each block takes one chunk of one channel, its mean and its squared distances from that mean.
extern "C" __global__ void batch_moments(const real* x, real* means, real* squares, long long length)
{
    long long begin = length * blockIdx.x / gridDim.x, end = length * (blockIdx.x + 1) / gridDim.x;
    const real* line = x + blockIdx.y * length;
    real sum = 0, square = 0;
    for (long long i = begin + threadIdx.x; i < end; i += THREADS) sum += line[i];
    real mean = block_sum(sum) / (end - begin);
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
    real mean = 0, square = 0;
    for (int k = 0; k < chunks; ++k) {
        real count = length * (k + 1) / chunks - length * k / chunks;
        mean += means[c * chunks + k] * (count / length);
    }
    for (int k = 0; k < chunks; ++k) {
        real count = length * (k + 1) / chunks - length * k / chunks, apart = means[c * chunks + k] - mean;
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
    real along_x = 0, along_1 = 0;
    for (long long i = c * length + begin + threadIdx.x; i < c * length + end; i += THREADS) {
        along_x += dy[i] * (x[i] - mean[c]);
        along_1 += dy[i];
    }
    along_x = block_sum(along_x) * inverse_std[c];
    along_1 = block_sum(along_1);
    if (threadIdx.x == 0) {
        with_x[c * gridDim.x + blockIdx.x] = along_x;
        alone[c * gridDim.x + blockIdx.x] = along_1;
    }
}

// dx = gamma / std * (dy - share * sum(dy) - share * x_hat * sum(dy * x_hat)); share is 1 / L for the batch's
// own statistics, which move with x, and 0 for given ones.
extern "C" __global__ void norm_backward(
    const real* dy, const real* x, const real* mean, const real* inverse_std, const real* gamma,
    const real* with_x, const real* alone, real share, real* dx, real* dgamma, real* dbeta,
    long long length, int chunks)
{
    int c = blockIdx.y;
    real along_x = 0, along_1 = 0;
    for (int k = 0; k < chunks; ++k) {
        along_x += with_x[c * chunks + k];
        along_1 += alone[c * chunks + k];
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        dgamma[c] = along_x;
        dbeta[c] = along_1;
    }
    real scale = gamma[c] * inverse_std[c];
    for (long long i = (long long)blockIdx.x * THREADS + threadIdx.x; i < length;
         i += (long long)gridDim.x * THREADS) {
        real x_hat = (x[c * length + i] - mean[c]) * inverse_std[c];
        dx[c * length + i] = scale * (dy[c * length + i] - share * along_1 - share * x_hat * along_x);
    }
}

// running = momentum * running + (1 - momentum) * batch, for mean and (unbiased) variance at once.
extern "C" __global__ void move_averages(
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

// -- pooling: y (C, OH, OW, N) -----------------------------------------------------------------------------

// The largest value of each window and its position in it, counted from 1; 0 if all are NaN or -infinity.
extern "C" __global__ void max_pool_forward(
    const real* x, real* y, mark* winner, int channels, int images, int height, int width, int out_height,
    int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w,
    long long along_n, long long along_c, long long along_h, long long along_w)
{
    unsigned int outputs = (unsigned int)out_height * out_width * images;
    unsigned int output = blockIdx.x * THREADS + threadIdx.x;
    if (output >= outputs) return;
    int n = output % images, ow = output / images % out_width, oh = output / images / out_width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real best = log((real)0);  // minus infinity
        int position = 0;
        for (int kh = 0; kh < kernel_h; ++kh)
            for (int kw = 0; kw < kernel_w; ++kw) {
                int h = oh * stride_h + kh - pad_h, w = ow * stride_w + kw - pad_w;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;
                real here = x[n * along_n + c * along_c + h * along_h + w * along_w];
                if (here > best) position = kh * kernel_w + kw + 1;
                if (here > best || here != here) best = here;  // NaN stays, for no number is larger
            }
        y[(long long)c * outputs + output] = best;
        winner[(long long)c * outputs + output] = position;
    }
}

// Each pixel adds up dy of the windows that it won.
extern "C" __global__ void max_pool_backward(
    const real* dy, const mark* winner, real* dx, int channels, int images, int height, int width,
    int out_height, int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h,
    int pad_w)
{
    unsigned int pixels = (unsigned int)height * width * images;
    long long outputs = (long long)out_height * out_width * images;
    unsigned int pixel = blockIdx.x * THREADS + threadIdx.x;
    if (pixel >= pixels) return;
    int n = pixel % images, w = pixel / images % width, h = pixel / images / width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh) {
            int down = h + pad_h - kh;
            if (down < 0 || down % stride_h || down / stride_h >= out_height) continue;
            for (int kw = 0; kw < kernel_w; ++kw) {
                int across = w + pad_w - kw;
                if (across < 0 || across % stride_w || across / stride_w >= out_width) continue;
                long long window = (long long)(down / stride_h) * out_width + across / stride_w;
                long long output = window * images + n;
                if (winner[c * outputs + output] == kh * kernel_w + kw + 1) sum += dy[c * outputs + output];
            }
        }
        dx[(long long)c * pixels + pixel] = sum;
    }
}

// The number of values in the window of one output pixel along one axis: padding counts, what hangs over its
// end does not.
__device__ int values(int output, int kernel, int stride, int pad, int size)
{
    int start = output * stride - pad, rest = size + pad - start;
    return rest < kernel ? rest : kernel;
}

extern "C" __global__ void avg_pool_forward(
    const real* x, real* y, int channels, int images, int height, int width, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w,
    long long along_n, long long along_c, long long along_h, long long along_w)
{
    unsigned int outputs = (unsigned int)out_height * out_width * images;
    unsigned int output = blockIdx.x * THREADS + threadIdx.x;
    if (output >= outputs) return;
    int n = output % images, ow = output / images % out_width, oh = output / images / out_width;
    real count = values(oh, kernel_h, stride_h, pad_h, height) * values(ow, kernel_w, stride_w, pad_w, width);
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh)
            for (int kw = 0; kw < kernel_w; ++kw) {
                int h = oh * stride_h + kh - pad_h, w = ow * stride_w + kw - pad_w;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;
                sum += x[n * along_n + c * along_c + h * along_h + w * along_w];
            }
        y[(long long)c * outputs + output] = sum / count;
    }
}

extern "C" __global__ void avg_pool_backward(
    const real* dy, real* dx, int channels, int images, int height, int width, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w)
{
    unsigned int pixels = (unsigned int)height * width * images;
    long long outputs = (long long)out_height * out_width * images;
    unsigned int pixel = blockIdx.x * THREADS + threadIdx.x;
    if (pixel >= pixels) return;
    int n = pixel % images, w = pixel / images % width, h = pixel / images / width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh) {
            int down = h + pad_h - kh;
            if (down < 0 || down % stride_h || down / stride_h >= out_height) continue;
            for (int kw = 0; kw < kernel_w; ++kw) {
                int across = w + pad_w - kw;
                if (across < 0 || across % stride_w || across / stride_w >= out_width) continue;
                int oh = down / stride_h, ow = across / stride_w;
                real count = values(oh, kernel_h, stride_h, pad_h, height)
                           * values(ow, kernel_w, stride_w, pad_w, width);
                sum += dy[c * outputs + ((long long)oh * out_width + ow) * images + n] / count;
            }
        }
        dx[(long long)c * pixels + pixel] = sum;
    }
}

// -- loss: one block an image ------------------------------------------------------------------------------

extern "C" __global__ void softmax_cross_entropy(
    const real* logits, const long long* labels, real smoothing, real* probabilities, real* targets,
    real* losses, int classes)
{
    const real* row = logits + (long long)blockIdx.x * classes;
    long long first = (long long)blockIdx.x * classes;
    real largest = row[0], sum = 0, loss = 0;
    for (int k = 1; k < classes; ++k)  // every thread for itself: a few numbers, all in the cache
        if (row[k] > largest || row[k] != row[k]) largest = row[k];
    for (int k = threadIdx.x; k < classes; k += THREADS) sum += exp(row[k] - largest);
    real log_sum = log(block_sum(sum));
    for (int k = threadIdx.x; k < classes; k += THREADS) {
        real log_probability = row[k] - largest - log_sum;
        real target = smoothing / classes + (k == labels[blockIdx.x] ? 1 - smoothing : (real)0);
        probabilities[first + k] = exp(log_probability);
        targets[first + k] = target;
        loss -= target * log_probability;
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) losses[blockIdx.x] = loss;
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
