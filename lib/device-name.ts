/** What a device may be called; the group is the number of a GPU. */
export const deviceName = /^(?:cpu|cuda(?::(\d+))?)$/;

/** The same for messages. */
export const deviceNames = "'cpu', 'cuda' or 'cuda:N'";
