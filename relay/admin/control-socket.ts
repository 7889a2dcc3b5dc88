/** The file in the data folder through which commands talk to the relay that runs on it. */
export const CONTROL_SOCKET = 'control.sock';
