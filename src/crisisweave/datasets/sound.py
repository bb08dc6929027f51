"""Sound files that nobody vouches for, and the spectrogram of the works that the thesis compares with."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError

RATE = 16_000
"""Samples a second of CREMA-D's files."""
WINDOW, OVERLAP = 512, 353
"""Samples of a window and of its overlap with the next: 257 frequencies, and 1,004 columns in ten seconds."""
BINS = WINDOW // 2 + 1
# The longest clip of CREMA-D has five seconds: 160 kB.
MAX_BYTES = 16 * 2**20


def read_wav(path: Path) -> NDArray[np.float32]:
    """The samples (n,) of a WAV file between −1 and 1; several channels become their mean.

    Raises:
        DataError: missing, too large, damaged, empty, or of another sample rate than `RATE`.
    """
    from scipy.io import wavfile

    try:
        if not path.is_file():
            raise DataError(f"{path}: no such sound file")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise DataError(f"{path}: the sound file has {size} bytes, over the limit of {MAX_BYTES}; cut it")
        with warnings.catch_warnings():
            # A file that is cut off only warns; so does an unknown chunk, which says nothing of the sound.
            warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
            warnings.filterwarnings("ignore", "Chunk", wavfile.WavFileWarning)
            rate, raw = wavfile.read(path)
    except DataError:
        raise
    except Exception as error:  # a hostile header makes the parser raise nearly anything
        raise DataError(f"{path}: not a readable WAV file ({error}); obtain it again") from error
    if rate != RATE:
        raise DataError(f"{path}: has {rate} samples a second where CREMA-D has {RATE}; convert the file")
    samples = _scaled(raw)
    if samples.ndim > 1:
        samples = samples.mean(axis=1).astype(np.float32)
    if len(samples) == 0:
        raise DataError(f"{path}: holds no sound; obtain it again")
    if not np.isfinite(samples).all():
        raise DataError(f"{path}: holds samples that are no numbers; obtain it again")
    return samples


def _scaled(raw: NDArray[np.generic]) -> NDArray[np.float32]:
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - np.float32(128)) / np.float32(128)
    if raw.dtype.kind == "i":
        return raw.astype(np.float32) / np.float32(2.0 ** (8 * raw.dtype.itemsize - 1))
    return raw.astype(np.float32)


def columns(seconds: float) -> int:
    """Columns of the spectrogram of so many seconds."""
    return (round(RATE * seconds) - OVERLAP) // (WINDOW - OVERLAP)


def log_spectrogram(samples: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """The logarithm of the power spectrogram (257, columns), with mean 0 and deviation 1.

    As in the public code of PMR: the sound is repeated to the full length and cut off there, limited to ±1,
    and seen through windows of 512 samples that overlap by 353. Silence becomes zeros.
    """
    from scipy.signal import spectrogram

    full = np.resize(samples, round(RATE * seconds)).clip(-1, 1)
    power = spectrogram(full, RATE, nperseg=WINDOW, noverlap=OVERLAP)[2]
    logs = np.log(power + 1e-7)
    return ((logs - logs.mean(dtype=np.float64)) / (logs.std(dtype=np.float64) + 1e-9)).astype(np.float32)
